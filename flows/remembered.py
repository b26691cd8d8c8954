"""What a stream remembers of its users, read from its recovery store by another process, while it runs or after."""

import sqlite3
from pathlib import Path
from typing import Final

from connectors.ledger.plain import load_plain
from flows.steps.user import STATE_VERSION, UserState

_STEP: Final = "stream.identify"
_NEWEST: Final = "SELECT ser_change FROM snaps WHERE step_id = ? AND state_key = ? ORDER BY snap_epoch DESC LIMIT 1"


class NothingRememberedError(Exception):
    """There is no recovery store; the message says where it was looked for."""


class Remembered:
    """Looks users up in the recovery stores below a state directory: one, or one for each slice."""

    def __init__(self, directory: Path) -> None:
        """Open the stores. Raises NothingRememberedError."""
        stores = sorted(directory.glob("recovery/part-*.sqlite3")) + sorted(directory.glob("*/recovery/part-*.sqlite3"))
        if not stores:
            raise NothingRememberedError(f"no recovery store below {directory}; it is made by `python -m flows run`")
        self._databases = [sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True) for store in stores]

    def user(self, key: str) -> UserState | None:
        """Return the newest stored state of a user, or None."""
        for database in self._databases:
            row = database.execute(_NEWEST, (_STEP, key)).fetchone()
            if row is not None and row[0] is not None:
                state = load_plain(row[0])
                # The key stands behind the state's own fields.
                return UserState(*state[: len(UserState._fields)]) if state[0] == STATE_VERSION else None
        return None

    def close(self) -> None:
        """Let go of the stores."""
        for database in self._databases:
            database.close()
