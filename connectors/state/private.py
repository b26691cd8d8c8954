"""Private files: what the stream stores is about people, and only the account that it runs under may read it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_OTHERS: Final = 0o077


def keep_private() -> None:
    """From now on let everything that this process makes, and what it becomes by exec, be its account's alone."""
    os.umask(_OTHERS)


def take_from_others(directory: Path) -> None:
    """Take from others the rights to what an earlier start has made below a directory, as far as it is ours.

    The directory itself stays as its owner made it: it may be a mounted volume.
    """
    for place, directories, files in os.walk(directory):
        for name in (*directories, *files):
            path = os.path.join(place, name)  # noqa: PTH118 - there may be many
            with suppress(OSError):  # gone in between, or another account's
                status = os.lstat(path)
                if status.st_mode & _OTHERS and not os.path.islink(path):  # noqa: PTH114 - as above
                    os.chmod(path, status.st_mode & 0o7777 & ~_OTHERS)  # noqa: PTH101 - as above
