"""SQLite's errors: which of them says that a file is damaged, and what they say to a reader."""

import sqlite3
from typing import Final

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_damage(error: BaseException) -> bool:
    """Return whether an error says that the file is not as it was written."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


def problem_of(error: BaseException) -> str:
    """Return what an error of SQLite or of the disk says; it holds nothing of any event."""
    if isinstance(error, sqlite3.Error):
        return f"{error} ({getattr(error, 'sqlite_errorname', 'SQLite')})"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
