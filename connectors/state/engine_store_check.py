"""The check of Bytewax's recovery store before a start: is it whole, and what was written?

SQLite has no checksum for its pages. So every state in the store is sealed (see `seal.py`), SQLite compares tables and
indexes, and the few numbers that say where a start goes on are kept twice, by triggers in the store itself.

Only for a store that no flow has open: two copies of SQLite in one process spoil it.
"""

import re
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Final

from connectors.state.damage import READ_AGAIN, DamagedStateError
from connectors.state.plain import load_plain
from connectors.state.seal import unseal

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


def check_store(directory: Path) -> None:
    """Read all of it. Raises DamagedStateError where it is not what was written."""
    if not directory.is_dir():
        return  # Bytewax says so
    count = 0
    places: set[int] = set()
    paths = sorted(directory.glob("part-*.sqlite3"))
    for path in paths:
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
    """Let a store keep its numbers twice from now on, so that the next check can compare them. Raises sqlite3.Error."""
    for path in directory.glob("part-*.sqlite3"):
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            if database.execute(_HAS_TABLE).fetchone()[0]:
                continue
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


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


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
