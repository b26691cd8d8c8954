"""Locks on directories, so that two processes never work on one."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from connectors.state.layout import LOCK


class InUseError(Exception):
    """Another process holds the lock."""


class StateInUseError(Exception):
    """Another process works on the state directory."""


def lock(directory: Path, name: str) -> int:
    """Lock a part of a directory's work for as long as this process lives; return the lock's descriptor.

    The descriptor is inherited by nothing. Raises InUseError, or OSError where the directory cannot be made or used.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InUseError from None
    return descriptor


def lock_directory(directory: Path) -> int:
    """Lock a state directory as a whole, as above. Raises StateInUseError, or OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = lock(directory, LOCK)
    except InUseError:
        raise StateInUseError(f"{directory} is in use by another process; give each its own state.directory") from None
    os.ftruncate(descriptor, 0)  # who held it before is gone
    return descriptor


def sign(descriptor: int) -> None:
    """Say in the lock's file which process holds it: one that takes SIGHUP for a wish to read its settings again."""
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def holder(directory: Path) -> int | None:
    """Return the process that holds a directory's lock and has signed it; None where there is none.

    A number that a dead process has left, or that belongs to another container, is not taken for it: that process
    must have the very file open.
    """
    try:
        descriptor = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        signed = os.read(descriptor, 20)
        return int(signed) if signed.isdigit() and _has_open(int(signed), os.fstat(descriptor)) else None
    finally:
        os.close(descriptor)
    return None


def _has_open(pid: int, file: os.stat_result) -> bool:
    opened = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").is_dir():  # a system without /proc has no containers either
        return True
    try:
        descriptors = list(opened.iterdir())
    except OSError:
        return False
    for each in descriptors:
        with suppress(OSError):  # closed in between
            if os.path.samestat(each.stat(), file):
                return True
    return False
