"""A table of users in a file, for while they are dealt out: they may be too many for the memory."""

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from connectors.state.plain import load_plain
from connectors.state.user_segments import StoredUser, UserRecord

_TABLE: Final = "CREATE TABLE users (key TEXT PRIMARY KEY, shard TEXT, state BLOB) WITHOUT ROWID"
_INSERT: Final = "INSERT OR REPLACE INTO users VALUES (?, ?, ?)"


class UserTable:
    """Users by key, one shard after another to be read. SQLite's errors are OSErrors here. `close` removes it."""

    def __init__(self, path: Path) -> None:
        """Make it. Nothing of it outlives a crash. Raises OSError."""
        self._path = path
        path.touch()  # raises OSError itself where it cannot
        self._database = sqlite3.connect(path, isolation_level=None)
        for words in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", _TABLE, "BEGIN"):
            self._execute(words)

    def add(
        self, key: str, shard: str, state: StoredUser, merge: Callable[[StoredUser, StoredUser], StoredUser]
    ) -> None:
        """Add a user; where there is one of that key, what `merge` makes of both. Raises OSError."""
        there = self._execute("SELECT state FROM users WHERE key = ?", key).fetchone()
        merged = state if there is None else merge(load_plain(there[0]), state)
        self._execute(_INSERT, key, shard, pickle.dumps(merged))

    def shards(self) -> list[str]:
        """Return the shards that have a user."""
        return [shard for (shard,) in self._execute("SELECT DISTINCT shard FROM users")]

    def of_shard(self, shard: str) -> Iterator[UserRecord]:
        """Yield the users of a shard."""
        for key, state in self._execute("SELECT key, state FROM users WHERE shard = ?", shard):
            yield key, load_plain(state)

    def close(self) -> None:
        """Remove it."""
        self._database.close()
        self._path.unlink()

    def _execute(self, words: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._database.execute(words, values)
        except sqlite3.Error as problem:
            raise OSError(f"{self._path}: {problem}") from problem
