"""Room: how much of the disk the inbox leaves to others, above all to the stream's state.

A stream whose disk is nearly full reads nothing more, and then nothing would ever be deleted from the inbox. So the
inbox stops growing before the stream stops reading.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from connectors.state.disk import RESERVE_BYTES, Space

_MB: Final = 1_000_000
_FREE_BYTES: Final = 2 * RESERVE_BYTES
_FREE_SHARE: Final = 2
"""Of a small disk, this part of the whole stays free."""


def free_bytes(directory: Path, space: Callable[[Path], Space] = os.statvfs) -> tuple[int, int]:
    """Return how much is free, and how much is to stay free. Raises OSError."""
    found = space(directory)
    return found.f_bavail * found.f_frsize, min(_FREE_BYTES, found.f_blocks * found.f_frsize // _FREE_SHARE)


def require(directory: Path, space: Callable[[Path], Space] = os.statvfs) -> None:
    """Raise OSError where the disk is too full for more events."""
    free, needed = free_bytes(directory, space)
    if free < needed:
        text = f"the disk is nearly full: {free // _MB:,} MB are free, and {-(-needed // _MB):,} MB stay free"
        raise OSError(errno.ENOSPC, text)
