"""A damaged inbox: what can be read is taken over, the file is set aside, and events go on being taken in."""

import os
import random
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.inbox.appender import Appender
from connectors.inbox.database import connect, end_of, read_inbox
from connectors.inbox.directory import OPEN, SUSPECT, inbox_file, is_marked, mark
from connectors.inbox.repair import LEAP
from tests.fixtures.examples import examples
from tests.fixtures.inbox import append, ids, read_all, reader, taken

COUNT = 1000
SIZE_BYTES = 200


def _made(directory: Path, count: int = COUNT) -> tuple[Path, str]:
    """Return an inbox with events, and its name."""
    append(directory, taken(count, size_bytes=SIZE_BYTES))
    path = inbox_file(directory)
    assert path is not None
    database = connect(path)
    name = read_inbox(database).name
    database.close()
    return path, name


def _settled(directory: Path) -> None:
    """Open it as the collector does, wait until it has been looked through, and close it."""
    appender = Appender(directory)
    with suppress(sqlite3.DatabaseError):  # it is mended then, and the same is tried again
        appender.try_once()
    appender.try_once()
    path = inbox_file(directory)
    assert path is not None
    if appender._checkpointer is not None:
        appender._checkpointer.looked.wait(30)
    appender.tend()
    appender.close()


def _end(directory: Path) -> int:
    path = inbox_file(directory)
    assert path is not None
    database = connect(path)
    try:
        return end_of(database)
    finally:
        database.close()


@examples(12)
@given(seed=st.integers(0, 2**32), pages=st.integers(1, 3))
def test_pages_that_are_overwritten_cost_the_events_in_them_alone(
    tmp_path_factory: pytest.TempPathFactory, seed: int, pages: int
) -> None:
    """Any pages but the first two, which name the tables: a page has at most 19 of these events."""
    inbox = tmp_path_factory.mktemp("any") / "inbox"
    path, name = _made(inbox)
    dice = random.Random(seed)
    with path.open("r+b") as file:
        for _ in range(pages):
            file.seek(4096 * dice.randrange(5, path.stat().st_size // 4096))
            file.write(dice.randbytes(4096))
    _settled(inbox)
    found = read_all(reader(inbox))
    sound = [each for each in found if each.value == taken(1, each.offset, SIZE_BYTES)[0].value]
    others = [each for each in found if each not in sound]
    assert all((each.value or b"").startswith(b"\xff") for each in others)
    assert [each.offset for each in found] == sorted({each.offset for each in found})
    if found and found[0].source == name and len(found) == COUNT:
        return  # what was hit held no event
    append(inbox, taken(1, 7_000_000))
    after = read_all(reader(inbox))
    assert after[-1].value == taken(1, 7_000_000)[0].value
    assert after[-1].offset >= COUNT
    assert [each.offset for each in after[:-1]] == [each.offset for each in found]


def test_a_leaf_that_is_overwritten_costs_its_events_alone(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path, name = _made(inbox)
    with path.open("r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\xff" * 4096)
    _settled(inbox)
    records = read_all(reader(inbox))
    assert COUNT - 20 <= len(records) < COUNT
    assert {each.source for each in records} == {name}
    assert all(each.value == taken(1, each.offset, SIZE_BYTES)[0].value for each in records)
    aside = path.with_name(f"{path.name}.damaged")
    assert aside.stat().st_size == path.with_name("events-000002.sqlite").stat().st_size or aside.exists()
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + bytes(5000), os.urandom(70_000)])
def test_a_file_that_is_no_inbox_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "events-000001.sqlite").write_bytes(content)
    append(inbox, taken(3))
    assert [each.value for each in read_all(reader(inbox))] == [each.value for each in taken(3)]
    assert (inbox / "events-000001.sqlite.damaged").read_bytes() == content


def test_an_event_that_damage_has_made_nothing_of_is_taken_over_and_refused(tmp_path: Path) -> None:
    """It has an outcome as well."""
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 10)
    database = connect(path)
    database.execute("PRAGMA writable_schema = ON")
    (schema,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'events'").fetchone()
    for sql in (schema.replace("NOT NULL", ""), schema):
        database.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'events'", (sql,))
        database.execute("PRAGMA writable_schema = RESET")
        if sql != schema:
            database.execute("UPDATE events SET received_ms = NULL, checksum = NULL, value = NULL WHERE id = 4")
            database.execute("PRAGMA writable_schema = ON")
    database.close()
    damages: list[object] = []
    _settled(inbox)
    assert inbox_file(inbox) != path
    records = read_all(reader(inbox, on_damage=damages.append))
    assert [each.offset for each in records] == list(range(10))
    assert records[4].value == b"\xff"
    assert len(damages) == 1


def test_a_file_that_was_cut_short_loses_what_was_cut_and_no_id_comes_again(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path, name = _made(inbox)
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    _settled(inbox)
    append(inbox, taken(1, COUNT))
    records = read_all(reader(inbox))
    assert records[-1].value == taken(1, COUNT)[0].value
    assert records[-1].source != name or records[-1].offset >= COUNT
    assert all(each.value == taken(1, each.offset, SIZE_BYTES)[0].value for each in records[:-1])


def test_a_log_that_was_removed_after_a_kill_makes_ids_go_on_farther_on(tmp_path: Path) -> None:
    """The state knows ids that the file has lost, and takes events under them for delivered."""
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 10)
    mark(path, OPEN)  # as a kill leaves it
    append(inbox, taken(1, 10))
    assert ids(inbox) == [*range(10), 10 + LEAP]
    append(inbox, taken(1, 11))
    assert ids(inbox) == [*range(10), 10 + LEAP, 11 + LEAP]
    assert not is_marked(path, OPEN)


def test_ids_go_on_farther_on_also_after_a_run_that_has_stored_nothing(tmp_path: Path) -> None:
    """The state may know more ids than the file does, whenever the next event comes."""
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 10)
    mark(path, OPEN)  # as a kill leaves it
    _settled(inbox)
    append(inbox, taken(1, 10))
    assert ids(inbox) == [*range(10), 10 + LEAP]


def test_a_file_that_cannot_be_begun_is_begun_anew_and_its_mark_stays(tmp_path: Path) -> None:
    """What was opened in part would be written to without anybody who keeps its log short."""
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 10)
    mark(path, OPEN)  # as a kill leaves it
    (inbox / "events-000000.sqlite").touch()  # an older file, which cannot be set aside
    obstacle = inbox / "events-000000.sqlite.damaged"
    obstacle.mkdir()
    appender = Appender(inbox)
    with pytest.raises(OSError, match="directory"):
        appender.append([taken(1, 10)])
    assert is_marked(path, OPEN)
    obstacle.rmdir()
    appender.append([taken(1, 10)])
    assert appender._checkpointer is not None
    appender.close()
    assert all(each >= 10 + LEAP for each in ids(inbox)[10:])


def test_what_the_stream_cannot_read_is_mended_by_the_collector(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 100)
    made = reader(inbox)
    made.read(10)
    made.suspect()
    assert is_marked(path, SUSPECT)
    appender = Appender(inbox)
    appender.try_once()
    assert appender._checkpointer is not None
    appender._checkpointer.looked.wait(30)
    appender.tend()
    made.look()
    assert [each.offset for each in read_all(made)] == list(range(10, 100))
    assert inbox_file(inbox) == inbox / "events-000002.sqlite"
    appender.append([taken(1, 100)])
    assert [each.offset for each in read_all(made)] == [100]
    appender.close()


def test_a_crash_between_the_new_file_and_the_old_ones_new_name_leaves_the_new_one(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 10)
    second = inbox / "events-000002.sqlite"
    second.write_bytes(path.read_bytes())
    append(inbox, taken(1, 10))
    assert ids(inbox) == list(range(11))
    assert inbox_file(inbox) == second
    assert path.with_name(f"{path.name}.damaged").exists()
    assert _end(inbox) == 11


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path, _ = _made(inbox, 3)
    database = connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    content = path.read_bytes()
    with pytest.raises(Exception, match="has version 2, and this program knows version 1"):
        append(inbox, taken(1))
    assert path.read_bytes() == content
