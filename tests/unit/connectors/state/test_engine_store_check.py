"""A recovery store that is not what was written is refused; a byte that nothing is read from may be any."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import NewStore, check_store, guard_store, read_store
from connectors.state.seal import seal, unseal

SAID = r"part-\d+\.sqlite3.*; put it back as it was, or move recovery, users, overflow and manifest\.json out of"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with the states of some steps, one of which takes several pages."""
    directory = tmp_path_factory.mktemp("whole") / "recovery"
    store = NewStore(directory)
    store.put("stream.source", "archives", (1, ("a.zip",), "b.zip", "member", 17))
    store.put("stream.identify", "3", ("users", 1, "3", 12))
    store.put("stream.deliver", "appsflyer", (2, [("parcel", b"x" * 9000)], {}))
    store.close()
    guard_store(directory)
    return directory


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of it to harm."""
    return shutil.copytree(whole, tmp_path / "recovery")


def _content(directory: Path) -> tuple[Any, ...]:
    """Return all that a start goes by."""
    with closing(sqlite3.connect(directory / "part-0.sqlite3")) as database:
        numbers = [
            database.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - our own words
            for table, columns in {
                "exs": "ex_num, worker_count, resume_epoch",
                "fronts": "ex_num, worker_index, worker_frontier",
                "commits": "part_index, commit_epoch",
                "snaps": "step_id, state_key, snap_epoch",
            }.items()
        ]
    return numbers, sorted(read_store(directory))


def test_a_whole_store_passes(store: Path) -> None:
    before = _content(store)
    check_store(store)
    guard_store(store)
    check_store(store)
    assert _content(store) == before


@pytest.mark.parametrize("bit", [1, 128])
def test_each_flipped_byte_is_refused_or_changes_nothing(store: Path, bit: int) -> None:
    path = store / "part-0.sqlite3"
    content = path.read_bytes()
    expected = _content(store)
    refused = 0
    used = [offset for offset in range(len(content)) if content[offset]]
    for offset in used[:: max(len(used) // 600, 1)]:
        path.write_bytes(content[:offset] + bytes([content[offset] ^ bit]) + content[offset + 1 :])
        try:
            check_store(store)
        except DamagedStateError as problem:
            said = str(problem)
            refused += str(path) in said
        else:
            assert _content(store) == expected, offset
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
    assert refused > 100, "most bytes are of a state"


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _no_database(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def _beside(path: Path) -> None:
    shutil.copy(path, path.with_name("part-1.sqlite3"))


def _foreign_name(path: Path) -> None:
    path.rename(path.with_name("part-7.sqlite3"))


@pytest.mark.parametrize("harm", [Path.unlink, _empty, _cut, _zero, _no_database, _beside, _foreign_name])
def test_a_store_that_is_cut_missing_or_foreign_is_refused(store: Path, harm: Callable[[Path], None]) -> None:
    harm(store / "part-0.sqlite3")
    with pytest.raises(DamagedStateError, match=SAID):
        check_store(store)


@pytest.mark.parametrize("table", ["fronts", "exs", "commits"])
def test_numbers_that_say_where_a_start_goes_on_are_compared_with_a_second_copy(store: Path, table: str) -> None:
    """As where a byte of the second copy has flipped; the engine's own changes change both."""
    column = {"fronts": "worker_frontier", "exs": "resume_epoch", "commits": "commit_epoch"}[table]
    with closing(sqlite3.connect(store / "part-0.sqlite3", isolation_level=None)) as database:
        database.execute(f"UPDATE {table} SET {column} = {column} + 5")  # noqa: S608 - our own words
        check_store(store)
        database.execute("UPDATE again SET c = c + 1, d = d + 1 WHERE of_table = ?", (table,))
    with pytest.raises(DamagedStateError, match=f"the table {table} was changed"):
        check_store(store)


def test_a_seal_holds_the_state_and_notices_a_change() -> None:
    """What a version before seals has stored passes as it is."""
    tag, version, checksum, pickled = seal((1, {"a": b"b"}))
    assert unseal((tag, version, checksum, pickled)) == (1, {"a": b"b"})
    for changed in [("sealee", version, checksum, pickled), (tag, version, checksum, pickled.replace(b"b", b"c"))]:
        with pytest.raises(DamagedStateError, match="not what was written"):
            unseal(changed)
    assert unseal((1, [], {})) == (1, [], {})
    assert unseal(None) is None
