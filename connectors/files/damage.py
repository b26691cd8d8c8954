"""Damage: what of a file could not be read, said once and in plain words."""

import re
from typing import NamedTuple

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Damage(NamedTuple):
    """A part of a file that could not be read. Reading goes on with the next member or file."""

    path: str
    """The file; a glob that matches no file stands for itself."""
    member: str | None
    """The member of a zip; None if it is the file itself."""
    line: int | None
    """The line, counted from 1, from which on nothing could be read, or which is itself damaged; None is all of it."""
    problem: str
    """What is wrong and what that means, in plain words. Holds nothing of the file's content."""

    def __str__(self) -> str:
        """Print as `path!member, line N: problem`."""
        place = source_name(self.path, self.member)
        return f"{place}: {self.problem}" if self.line is None else f"{place}, line {self.line}: {self.problem}"


class DamagedError(Exception):
    """A stream cannot be read any further. Its text is the problem, as in `Damage.problem`."""


class UnreadableError(Exception):
    """Nothing at all of a file can be read. Its text is the problem, as in `Damage.problem`."""


def source_name(path: str, member: str | None = None) -> str:
    """Return the name that positions and logs use: `path`, or `path!member`.

    Control characters and bytes that are not UTF-8 are escaped, so that the name fits on one line of any file.
    """
    name = path if member is None else f"{path}!{member}"
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", name)
