"""Durable: files and directories that a crash of the machine leaves whole."""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

_CHECKSUM: Final = "crc32"


def sync_entries(directory: Path) -> None:
    """Make durable which files a directory has: a new one could be gone else, with everything in it. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_anew(path: Path, content: bytes) -> None:
    """Replace what a file holds, as a whole or not at all; it is the account's alone. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_entries(path.parent)


def overwrite_anew(path: Path, content: bytes) -> None:
    """Replace what a file holds, as `write_anew` does, and overwrite on the disk what it held. Raises OSError."""
    with path.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        write_anew(path, content)
        while size > 0:
            size -= old.write(bytes(min(size, 1 << 20)))
        old.flush()
        os.fsync(old.fileno())


def write_checked(path: Path, content: Mapping[str, Any], *, overwrites: bool = False) -> None:
    """Replace what a JSON file holds, with a checksum beside it, as `write_anew` does. Raises OSError.

    With `overwrites`, as `overwrite_anew` does.
    """
    write = overwrite_anew if overwrites else write_anew
    write(path, orjson.dumps({**content, _CHECKSUM: _crc32(content)}))


def read_checked(path: Path, *, may_lack_checksum: bool = False) -> dict[str, Any]:
    """Return what `write_checked` wrote. Raises ValueError or TypeError where it was changed, OSError."""
    content = orjson.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise TypeError("not a JSON object")
    checksum = content.pop(_CHECKSUM, None)
    if checksum != _crc32(content) and not (checksum is None and may_lack_checksum):
        raise ValueError("not what was written")
    return content


def _crc32(content: Mapping[str, Any]) -> int:
    return zlib.crc32(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))
