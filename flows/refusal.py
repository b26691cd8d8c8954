"""Refusal: what cannot be done as it was asked for, in words; and the exit codes of every command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from flows.domain.printable import printable
from flows.program import as_called


class ExitCode(IntEnum):
    """How a command ends. What argparse refuses ends with `REFUSED`, too."""

    DONE = 0
    FAILED = 1
    REFUSED = 2


MEANINGS: Final = {
    str(ExitCode.DONE): "done, or stopped cleanly",
    str(ExitCode.FAILED): "it failed while it ran, or found what it looked for to be wrong",
    str(ExitCode.REFUSED): "wrong usage, settings, key or state: nothing was started",
    "128 + N": "a second SIGINT or SIGTERM, whose number is N, ended it at once",
}
"""The table of the exit codes, as the pages have it."""


class Refusal(Exception):  # noqa: N818 - it is no error of the program's: it is its answer
    """The whole answer to what was asked: the text says what is wrong and what to do, a line for each thing.

    Raised by settings, operations and the runtime. `flows.commands.main` catches it for commands, `flows.runtime.early`
    for flows; both print it with `say`, and end.
    """

    def __init__(self, text: str, code: ExitCode = ExitCode.REFUSED) -> None:
        super().__init__(text)
        self.code = code


def say(refusal: Refusal) -> ExitCode:
    """Print it, with each command named as this process was called; return the exit code."""
    sys.stderr.writelines(f"{printable(line)}\n" for line in as_called(str(refusal)).split("\n"))
    return refusal.code


@contextmanager
def refusing(place: str, *kinds: type[Exception], code: ExitCode = ExitCode.REFUSED) -> Iterator[None]:
    """Let what a connector raises become a refusal that names the place, such as the settings file and a key."""
    try:
        yield
    except kinds as problem:
        raise Refusal(f"{place}: {problem}", code) from problem
