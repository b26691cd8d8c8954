"""Bytewax's recovery store, from outside: what a start would go on from, whether it is what was written, and new ones.

Nothing else opens its SQLite, and only while no flow of this process has it open: two copies of SQLite in one process
spoil a store.

SQLite has no checksum for its pages. So every state in the store is sealed (see `seal.py`), SQLite compares tables and
indexes, and the few numbers that say where a start goes on are kept twice, by triggers in the store itself.
"""

import pickle
import re
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bytewax.recovery import init_db_dir

from connectors.state.damage import READ_AGAIN, DamagedStateError
from connectors.state.layout import store_parts
from connectors.state.manifest import Snapshot
from connectors.state.plain import load_plain
from connectors.state.seal import seal, unseal
from connectors.state.step_states import ANY_SINK, SinkState

_EPOCH: Final = 1
_NEWEST: Final = """\
SELECT step_id, state_key, ser_change, max(snap_epoch) FROM snaps WHERE snap_epoch < ? GROUP BY step_id, state_key"""
_INSERT: Final = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)"
_NAMING: Final = "SELECT count(*) FROM snaps WHERE step_id NOT LIKE ? AND instr(ser_change, ?) > 0"
_OF_STEPS: Final = "SELECT rowid, ser_change FROM snaps WHERE step_id LIKE ? AND ser_change IS NOT NULL"
_NUMBERS: Final = {
    "exs": ("ex_num", "0", "worker_count", "resume_epoch"),
    "fronts": ("ex_num", "worker_index", "worker_frontier", "0"),
    "commits": ("part_index", "0", "commit_epoch", "0"),
    "parts": ("part_index", "0", "part_count", "0"),
}
"""Table → its key (two values) and its numbers (two)."""
_TABLE: Final = """\
CREATE TABLE again (of_table TEXT, a INTEGER, b INTEGER, c INTEGER, d INTEGER, PRIMARY KEY (of_table, a, b)) STRICT"""
_HAS_TABLE: Final = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'again'"


class StoreError(Exception):
    """A store cannot be read or written; the message is SQLite's."""


class StoredStep(NamedTuple):
    """One state of a step."""

    step: str
    key: str
    state: Any


def is_no_store(directory: Path) -> bool:
    """Return whether something else than a recovery store is in its place: what is left of one, or no directory."""
    if store_parts(directory):
        return False
    return directory.is_symlink() or (directory.exists() and not (directory.is_dir() and not any(directory.iterdir())))


def make_store(directory: Path) -> None:
    """Make the store if there is none: as a whole or not at all, for half a store cannot be resumed. Raises OSError."""
    if store_parts(directory):
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".recovery-", ignore_cleanup_errors=True) as place:
        fresh = Path(place) / "recovery"
        fresh.mkdir()
        init_db_dir(fresh, 1)  # type: ignore[no-untyped-call]  # Bytewax's Rust half has no annotations for it
        fresh.rename(directory)


def read_store(directory: Path) -> Iterator[StoredStep]:
    """Yield the states that a start would resume, in no order; none where there is no store yet.

    Raises StoreError, DamagedStateError.
    """
    with _said(), ExitStack() as stack:
        databases = [stack.enter_context(closing(_open(part))) for part in store_parts(directory)]
        epoch = _resume_epoch(databases)
        for database in databases:
            for step, key, state, _ in database.execute(_NEWEST, (epoch,)):
                if state is not None:
                    yield StoredStep(step, key, unseal(load_plain(state)))


def stored_keys(directory: Path, step: str) -> list[str]:
    """Return the keys under which a step has ever stored something, in no order. Raises StoreError."""
    found: set[str] = set()
    with _said():
        for part in store_parts(directory):
            with closing(_open(part)) as database:
                keys = database.execute("SELECT DISTINCT state_key FROM snaps WHERE step_id = ?", (step,))
                found.update(key for (key,) in keys)
    return list(found)


def stored_snapshot(states: Iterable[StoredStep]) -> Snapshot | None:
    """Return which snapshot the states of a store are of; None where there is none, or 0.1.0's.

    Raises ValueError where another version has written it.
    """
    sinks = (SinkState.unpacked(each.state) for each in states if each.step.endswith(ANY_SINK))
    return next((each.snapshot for each in sinks if each.snapshot is not None), None)


def stored_state(directory: Path, step: str, key: str) -> Any | None:
    """Return the state of a part that a start would resume; None if there is none. Raises as `read_store` does."""
    return next((each.state for each in read_store(directory) if (each.step, each.key) == (step, key)), None)


def count_naming(directory: Path, text: bytes, but_step: str) -> int:
    """Return how many states of any epoch name a text, without a step whose name ends so. Raises StoreError."""
    found = 0
    with _said():
        for part in store_parts(directory):
            with closing(_open(part)) as database:
                found += database.execute(_NAMING, (f"%{but_step}", text)).fetchone()[0]
    return found


def change_sinks(directory: Path, change: Callable[[SinkState], SinkState]) -> None:
    """Store the sink's states anew where `change` returns others, and leave nothing of what stood there.

    Raises StoreError.
    """
    with _said():
        for part in store_parts(directory):
            with closing(sqlite3.connect(part, isolation_level=None)) as database:
                database.execute("PRAGMA secure_delete = ON")
                for row, stored in database.execute(_OF_STEPS, (f"%{ANY_SINK}",)).fetchall():
                    state = SinkState.unpacked(unseal(load_plain(stored)))
                    if (changed := change(state)) != state:
                        fresh = pickle.dumps(seal(changed.packed()))
                        database.execute("UPDATE snaps SET ser_change = ? WHERE rowid = ?", (fresh, row))
                # Older snapshots are in the write-ahead log, and in pages that are free again.
                for words in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    database.execute(words)


class NewStore:
    """A store that no flow has used yet, and that the first one will resume from. `close` ends it."""

    def __init__(self, directory: Path) -> None:
        """Make it. Raises OSError, StoreError."""
        directory.mkdir(parents=True)
        command = [sys.executable, "-m", "bytewax.recovery", str(directory), "1"]
        with _said():
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

    def put(self, step: str, key: str, state: Any) -> None:
        """Store the state of a key, which has none yet. Raises StoreError."""
        with _said():
            self._database.execute(_INSERT, (step, key, _EPOCH, pickle.dumps(seal(state))))

    def close(self) -> None:
        """Write everything. Raises StoreError."""
        with _said(), closing(self._database):
            self._database.execute("COMMIT")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_store(directory: Path) -> None:
    """Read all of it. Raises DamagedStateError where it is not what was written."""
    if not directory.is_dir():
        return  # Bytewax says so
    count = 0
    places: set[int] = set()
    for path in store_parts(directory):
        if not re.fullmatch(r"part-[0-9]+\.sqlite3", path.name) or not path.is_file():
            raise DamagedStateError(f"{path} is no file of the stream's; move it out of the state directory")
        try:
            with closing(_open(path)) as database:
                place, of = _check(database, path)
        except (sqlite3.Error, ValueError) as problem:  # ValueError: a text that is no UTF-8
            raise _damaged(path, str(problem)) from problem
        if f"part-{place}.sqlite3" != path.name or (count and of != count):
            raise DamagedStateError(f"{path} is of another recovery store; {READ_AGAIN}")
        count = of
        places.add(place)
    missing = next((place for place in range(max(count, 1)) if place not in places), None)
    if missing is not None:
        raise DamagedStateError(f"{directory / f'part-{missing}.sqlite3'} is missing; {READ_AGAIN}")


def guard_store(directory: Path) -> None:
    """Let a store keep its numbers twice from now on, so that the next check can compare them. Raises StoreError."""
    with _said():
        for path in store_parts(directory):
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                if not database.execute(_HAS_TABLE).fetchone()[0]:
                    _guard(database)


def _guard(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute(_TABLE)
    for table, (a, b, c, d) in _NUMBERS.items():
        database.execute(f"INSERT INTO again SELECT '{table}', {a}, {b}, {c}, {d} FROM {table}")  # noqa: S608
        for change, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            key = ", ".join(each if each == "0" else f"{row}.{each}" for each in (a, b))
            numbers = ", ".join(each if each == "0" else f"NEW.{each}" for each in (c, d))
            insert = f"INSERT INTO again VALUES ('{table}', {key}, {numbers});" if row == "NEW" else ""  # noqa: S608
            database.execute(
                f"CREATE TRIGGER again_{table}_{change} AFTER {change} ON {table} BEGIN "  # noqa: S608
                f"DELETE FROM again WHERE of_table = '{table}' AND (a, b) = ({key}); {insert} END"
            )
    database.execute("INSERT INTO again VALUES (?, ?, ?, ?, 0)", _schema(database))
    database.execute("COMMIT")


@contextmanager
def _said() -> Iterator[None]:
    """Raise StoreError for whatever SQLite raises, so that nobody else has to know of it."""
    try:
        yield
    except (sqlite3.Error, subprocess.CalledProcessError) as problem:
        raise StoreError(str(problem)) from problem


def _open(part: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{part.resolve().as_uri()}?mode=ro", uri=True)


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


def _check(database: sqlite3.Connection, path: Path) -> tuple[int, int]:
    """Check one part; return its place, and how many there are."""
    database.execute("BEGIN")  # all of it as of one moment, for a flow may have it open although it must not
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise _damaged(path, " ".join(found.split()))
    ((place, count),) = database.execute("SELECT part_index, part_count FROM parts").fetchall() or ((0, 0),)
    if not count:
        raise _damaged(path, "it is empty")
    if database.execute(_HAS_TABLE).fetchone()[0]:
        wanted = _schema(database)
        known = database.execute("SELECT * FROM again WHERE of_table = 'schema' AND a = ?", wanted[1:2]).fetchall()
        if known not in ([], [(*wanted, 0)]):  # none: the engine has changed it for a new version
            raise _damaged(path, "its tables' definitions were changed")
        for table, (a, b, c, d) in _NUMBERS.items():
            once = database.execute(f"SELECT {a}, {b}, {c}, {d} FROM {table}").fetchall()  # noqa: S608
            again = database.execute("SELECT a, b, c, d FROM again WHERE of_table = ?", (table,)).fetchall()
            if sorted(once) != sorted(again):
                raise _damaged(path, f"the table {table} was changed")
    for step, state in database.execute("SELECT step_id, ser_change FROM snaps WHERE ser_change IS NOT NULL"):
        try:
            unseal(load_plain(state))
        except Exception as problem:  # whatever pickle meets in bytes that were changed
            raise _damaged(path, f"the state of {step} was changed") from problem
    return place, count


def _schema(database: sqlite3.Connection) -> tuple[str, int, int, int]:
    """Return a row of the second table: the version that the engine's own migrations go by, and the schema's CRC-32."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    definitions = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    return "schema", version, 0, zlib.crc32(repr(definitions).encode())


def _damaged(path: Path, why: str) -> DamagedStateError:
    return DamagedStateError(f"{path} is damaged ({why}); {READ_AGAIN}")
