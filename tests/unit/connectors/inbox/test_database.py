"""The file of an inbox: its format is read by later versions, and is its account's alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.inbox.appender import Appender
from connectors.inbox.database import VERSION, connect, create, end_of, new_inbox
from connectors.inbox.directory import inbox_file
from connectors.inbox.measure import waiting
from tests.fixtures.inbox import append, ids, read_all, reader, taken

GOLDEN = """
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 1634562150;
PRAGMA user_version = 1;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, key BLOB, received_ms INTEGER NOT NULL, library TEXT NOT NULL, checksum INTEGER NOT NULL,
    value BLOB NOT NULL
);
CREATE TABLE inbox (
    name TEXT NOT NULL, first_id INTEGER NOT NULL, committed INTEGER NOT NULL, next_id INTEGER NOT NULL,
    read_to INTEGER NOT NULL, pending TEXT NOT NULL
);
INSERT INTO inbox VALUES ('inbox@0a1b2c3d', 5, 6, 9, 8, '[6]');
INSERT INTO events VALUES (6, x'75', 1700000000000, 'test/1', 843065730, x'7b7d');
INSERT INTO events VALUES (7, NULL, 1700000000001, '', 1463725287, x'5b5d');
PRAGMA journal_mode = WAL;
"""
"""Version 1, with two events."""


def _shape(path: Path) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Return each table with its columns."""
    with closing(connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master ORDER BY name")]
        return [(each, database.execute(f"PRAGMA table_info({each})").fetchall()) for each in tables]


def test_a_file_of_version_1_is_read_and_written_to(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with closing(sqlite3.connect(inbox / "events-000001.sqlite")) as database:
        database.executescript(GOLDEN)
    records = read_all(reader(inbox))
    assert [(each.source, each.offset, each.key, each.time_ms, each.value) for each in records] == [
        ("inbox@0a1b2c3d", 6, b"u", 1_700_000_000_000, b"{}"),
        ("inbox@0a1b2c3d", 7, None, 1_700_000_000_001, b"[]"),
    ]
    append(inbox, taken(1))
    assert ids(inbox) == [6, 7, 9]


def test_a_new_file_has_the_tables_of_its_version(tmp_path: Path) -> None:
    """A change of them is a new version, which reads the old one."""
    golden = tmp_path / "golden.sqlite"
    with closing(sqlite3.connect(golden)) as database:
        database.executescript(GOLDEN)
    assert VERSION == 1
    assert _shape(create(tmp_path, new_inbox())) == _shape(golden)


def test_what_is_stored_is_the_accounts_alone(tmp_path: Path) -> None:
    """Whatever the umask is, and also while it is open."""
    inbox = tmp_path / "inbox"
    appender = Appender(inbox)
    appender.append([taken(3)])
    modes = {each.name: each.stat().st_mode & 0o777 for each in (inbox, *inbox.iterdir())}
    appender.close()
    assert modes.pop("inbox") == 0o700
    assert set(modes.values()) == {0o600}
    assert any(name.endswith("-wal") for name in modes)


def test_how_much_waits_is_told_without_going_through_it(tmp_path: Path) -> None:
    """A backlog may be of millions, and it is asked every few seconds."""
    append(tmp_path / "inbox", taken(5000))
    path = inbox_file(tmp_path / "inbox")
    assert path is not None
    with closing(connect(path)) as database:
        database.set_progress_handler(lambda: 1, 2000)  # which ends a query of so many steps
        assert waiting(database).events == 5000
        assert end_of(database) == 5000
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            database.execute("SELECT count(received_ms) FROM events WHERE received_ms > 0").fetchone()


def test_an_inbox_without_events_begins_with_the_first_id(tmp_path: Path) -> None:
    path = create(tmp_path, new_inbox())
    assert inbox_file(tmp_path) == path
    with closing(connect(path)) as database:
        assert end_of(database) == 0
