"""Bytewax's recovery store, from outside: what a start would resume from, and a new one that it is to resume from.

Only for a store that no flow has open: two copies of SQLite in one process spoil it.
"""

import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.state.manifest import Snapshot
from connectors.state.plain import load_plain
from connectors.state.seal import seal_pickled, unseal

SOURCE_STEP: Final = "stream.source"
_SINK: Final = ".deliver"
"""The step whose states tell which snapshot they are of, after so many values that the first versions had."""
_UNNUMBERED: Final = 3
_EPOCH: Final = 1
_NEWEST: Final = """\
SELECT step_id, state_key, ser_change, max(snap_epoch) FROM snaps WHERE snap_epoch < ? GROUP BY step_id, state_key"""
_INSERT: Final = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)"
_KEYS: Final = "SELECT DISTINCT state_key FROM snaps WHERE step_id = ?"


class Stored(NamedTuple):
    """One state of a step."""

    step: str
    key: str
    state: Any


def read_store(directory: Path) -> Iterator[Stored]:
    """Yield the states that a start would resume, in no order. Raises sqlite3.Error."""
    parts = sorted(directory.glob("part-*.sqlite3"))
    databases = [sqlite3.connect(f"{part.resolve().as_uri()}?mode=ro", uri=True) for part in parts]
    try:
        epoch = _resume_epoch(databases)
        for database in databases:
            for step, key, state, _ in database.execute(_NEWEST, (epoch,)):
                if state is not None:
                    yield Stored(step, key, unseal(load_plain(state)))
    finally:
        for database in databases:
            database.close()


def stored_keys(directory: Path, step: str) -> list[str]:
    """Return the keys of a step's states, in no order; none where there is no store yet. Raises sqlite3.Error."""
    found: set[str] = set()
    for part in directory.glob("part-*.sqlite3"):
        with closing(sqlite3.connect(f"{part.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found.update(key for (key,) in database.execute(_KEYS, (step,)))
    return list(found)


def stored_snapshot(directory: Path) -> Snapshot | None:
    """Return which snapshot a start would resume; None where there is none, or an earlier version's.

    Raises sqlite3.Error, or DamagedStateError.
    """
    for step, _, state in read_store(directory):
        if step.endswith(_SINK) and len(state) > _UNNUMBERED and state[_UNNUMBERED] is not None:
            return Snapshot(*state[_UNNUMBERED])
    return None


def stored_state(directory: Path, step: str, key: str) -> Any | None:
    """Return the state of a part that a start would resume; None if there is none. Raises as `read_store` does."""
    return next((each.state for each in read_store(directory) if (each.step, each.key) == (step, key)), None)


def _resume_epoch(databases: Iterable[sqlite3.Connection]) -> int:
    """Return the epoch at which a start goes on: the last that every worker of the last execution has reached."""
    runs: list[tuple[int, int, int]] = []
    reached: dict[tuple[int, int], int] = {}
    for database in databases:
        runs += database.execute("SELECT ex_num, worker_count, resume_epoch FROM exs").fetchall()
        for run, worker, frontier in database.execute("SELECT ex_num, worker_index, worker_frontier FROM fronts"):
            reached[run, worker] = max(frontier, reached.get((run, worker), 0))
    if not runs:
        return 0
    last, workers, began = max(runs)
    return min(reached.get((last, worker), began) for worker in range(workers))


class NewStore:
    """A store that no flow has used yet, and that the first one will resume from. `close` ends it."""

    def __init__(self, directory: Path) -> None:
        """Make it. Raises OSError, or subprocess.CalledProcessError."""
        directory.mkdir(parents=True)
        command = [sys.executable, "-m", "bytewax.recovery", str(directory), "1"]
        subprocess.run(command, check=True)  # noqa: S603 - our own words; in a process, for Bytewax has its own SQLite
        self._database = sqlite3.connect(directory / "part-0.sqlite3", isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # it is synced as a whole, before it is used
        self._database.execute("BEGIN")
        # One execution that has reached the epoch after that of the states.
        self._database.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, ?)", (_EPOCH,))
        self._database.execute(
            "INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (0, 0, ?)", (_EPOCH + 1,)
        )
        self._database.execute("INSERT INTO commits (part_index, commit_epoch) VALUES (0, ?)", (_EPOCH,))

    def put(self, step: str, key: str, state: bytes) -> None:
        """Store the pickled state of a key, which has none yet."""
        self._database.execute(_INSERT, (step, key, _EPOCH, pickle.dumps(seal_pickled(state))))

    def close(self) -> None:
        """Write everything."""
        self._database.execute("COMMIT")
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()
