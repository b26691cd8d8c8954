"""Durable: files and directories that a crash of the machine leaves whole."""

import os
from pathlib import Path


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
