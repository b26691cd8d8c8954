"""The lock on a state directory, so that two processes never work on one."""

import fcntl
import os
from pathlib import Path


class StateInUseError(Exception):
    """Another process works on the state directory."""


def lock_directory(directory: Path) -> int:
    """Lock a directory for as long as this process lives; return the lock's descriptor.

    The descriptor is inherited by nothing. Raises StateInUseError, or OSError where the directory cannot be used.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StateInUseError(f"{directory} is in use by another process; give each its own state.directory") from None
    return descriptor
