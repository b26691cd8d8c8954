"""Erasure in an inbox: bytes are gone from every file of it, ids are not used again, and nobody else is touched."""

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.event_writer import TakenEvent
from connectors.inbox.appender import Appender
from connectors.inbox.database import connect, end_of
from connectors.inbox.directory import READER_LOCK, inbox_file
from connectors.inbox.erase import BLANK, erase_events
from connectors.state.lock import lock
from tests.fixtures.examples import examples

LONG = 9000
"""Bytes: more than a page of the file."""


def event(text: str, size_bytes: int = 0) -> TakenEvent:
    return TakenEvent(text.encode() * (1 + size_bytes // len(text)), text.encode(), 1_700_000_000_000, "test")


def appended(directory: Path, events: Sequence[TakenEvent]) -> Appender:
    appender = Appender(directory)
    appender.append([events])
    return appender


def values(directory: Path) -> list[bytes]:
    path = inbox_file(directory)
    assert path is not None
    with closing(connect(path)) as database:
        return [value for (value,) in database.execute("SELECT value FROM events ORDER BY id")]


def content(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


@pytest.mark.parametrize("size_bytes", [0, LONG])
def test_nothing_of_it_is_left_in_any_file_also_while_a_collector_writes(tmp_path: Path, size_bytes: int) -> None:
    """Neither in a page that SQLite has freed, nor in its log. The collector goes on where it was."""
    appender = appended(tmp_path, [event("gone-person", size_bytes), event("kept-person", size_bytes)])
    assert b"gone-person" in content(tmp_path)
    assert (
        erase_events(tmp_path, lambda stored: b"gone" in (stored if isinstance(stored, bytes) else stored.value)) == 1
    )
    assert b"gone-person" not in content(tmp_path)
    appender.append([[event("next-person")]])
    appender.close()
    assert values(tmp_path) == [BLANK, event("kept-person", size_bytes).value, event("next-person").value]


@given(gone=st.lists(st.booleans(), min_size=1, max_size=12))
@examples(25)
def test_no_id_is_used_a_second_time_whoever_is_erased(
    tmp_path_factory: pytest.TempPathFactory, gone: list[bool]
) -> None:
    """Of the last event neither: its fate would be taken for that of the next one."""
    directory = tmp_path_factory.mktemp("inbox")
    appended(directory, [event("gone" if each else "kept") for each in gone]).close()
    assert erase_events(directory, lambda stored: stored[0] == b"gone") == sum(gone)
    path = inbox_file(directory)
    assert path is not None
    with closing(connect(path)) as database:
        assert end_of(database) == len(gone)
    assert values(directory) == [BLANK if each else b"kept" for each in gone]


def test_a_damaged_event_is_judged_by_its_bytes(tmp_path: Path) -> None:
    appended(tmp_path, [event("gone"), event("kept")]).close()
    path = inbox_file(tmp_path)
    assert path is not None
    with closing(connect(path)) as database:
        database.execute("UPDATE events SET checksum = checksum + 1")
    asked: list[object] = []

    def is_theirs(stored: object) -> bool:
        asked.append(stored)
        return stored == b"gone"

    assert erase_events(tmp_path, is_theirs) == 1
    assert asked == [b"gone", b"kept"]


def test_an_inbox_that_a_stream_reads_is_not_touched(tmp_path: Path) -> None:
    """It may have taken the event up by now."""
    appended(tmp_path, [event("gone")]).close()
    descriptor = lock(tmp_path, READER_LOCK)
    with pytest.raises(OSError, match="a stream reads the inbox"):
        erase_events(tmp_path, lambda _: True)
    os.close(descriptor)
    assert values(tmp_path) == [b"gone"]


def test_where_no_inbox_is_none_is_made(tmp_path: Path) -> None:
    assert erase_events(tmp_path / "inbox", lambda _: True) == 0
    assert not (tmp_path / "inbox").exists()


def test_what_cannot_be_read_is_a_failure_of_the_erasure(tmp_path: Path) -> None:
    (tmp_path / "events-000001.sqlite").write_bytes(b"no database" * 999)
    with pytest.raises(OSError, match="the inbox"):
        erase_events(tmp_path, lambda _: True)
