"""Room: how much of the disk the tee leaves to others. It stops before the inbox does, which may be beside it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from connectors.state.disk import RESERVE_BYTES, Space

_FREE_BYTES: Final = 3 * RESERVE_BYTES
_FREE_SHARE: Final = 0.6
"""Of a small disk, this part of the whole stays free: the inbox leaves a half."""


def has_room(directory: Path, space: Callable[[Path], Space] = os.statvfs) -> bool:
    """Return whether the disk has room for copies. Raises OSError."""
    found = space(directory)
    return found.f_bavail * found.f_frsize >= min(_FREE_BYTES, int(found.f_blocks * found.f_frsize * _FREE_SHARE))
