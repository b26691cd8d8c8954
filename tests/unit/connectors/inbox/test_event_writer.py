"""The inbox as the collector writes it, when something is in its way."""

import asyncio
import errno
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.event_writer import EventsNotStoredError
from connectors.inbox import appender, checkpointer, event_writer
from connectors.inbox.database import connect
from connectors.inbox.directory import inbox_file
from connectors.inbox.event_writer import InboxEventWriter
from connectors.pace import wait
from connectors.ports import SetupError
from tests.fixtures.inbox import TIME_MS, ids, read_all, reader, taken, write

PATIENCE_SECONDS = 20.0


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender, "BUSY_SECONDS", 0.02)
    monkeypatch.setattr(event_writer, "_TRY_SECONDS", 0.02)


@contextmanager
def no_file_longer_than(size_bytes: int) -> Iterator[None]:
    """Stand in for a full disk: this process's files cannot grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _until(writer: InboxEventWriter, *, is_blocked: bool) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (writer.blocked is not None) != is_blocked:
            await asyncio.to_thread(wait, 0.005)


def test_a_full_disk_refuses_events_loses_none_and_it_goes_on_by_itself(inbox: Path) -> None:
    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(5))
        with no_file_longer_than(100_000):
            with pytest.raises(EventsNotStoredError, match=r"the inbox in .* cannot be written to"):
                await writer.write(taken(1, 5, size_bytes=400_000))
            assert writer.blocked is not None
        await _until(writer, is_blocked=False)
        await writer.write(taken(5, 5))
        await writer.close()

    asyncio.run(use())
    records = read_all(reader(inbox))
    assert [each.value for each in records] == [each.value for each in taken(10)]
    assert ids(inbox) == list(range(10))


def _remove_files(inbox: Path) -> None:
    for each in inbox.glob("events-*"):
        each.unlink()


def test_a_file_that_is_removed_while_it_is_written_to_gets_no_further_event(
    inbox: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is written to it is nowhere: no upload is answered as stored before it is in another file."""

    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(5))
        _remove_files(inbox)
        with pytest.raises(EventsNotStoredError, match="has been removed"):
            await writer.write(taken(2, 5))
        await writer.write(taken(2, 5))
        await writer.close()

    asyncio.run(use())
    assert [each.value for each in read_all(reader(inbox))] == [each.value for each in taken(2, 5)]
    said = capfd.readouterr()
    assert "has been removed; what waited in it is lost" in said.out + said.err


def test_it_refuses_events_before_the_disk_is_full_and_goes_on_when_there_is_room(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream whose disk is full reads nothing, so that nothing would ever be deleted."""
    is_full = [False]

    def require(_: Path) -> None:
        if is_full[0]:
            raise OSError(errno.ENOSPC, "the disk is nearly full: 1 MB are free, and 512 MB stay free")

    monkeypatch.setattr(appender, "_ROOM_SECONDS", 0.0)
    monkeypatch.setattr(appender.Appender.__init__, "__defaults__", (require,))

    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(5))
        is_full[0] = True
        with pytest.raises(EventsNotStoredError, match="nearly full"):
            await writer.write(taken(1, 5))
        assert writer.blocked is not None
        is_full[0] = False
        await _until(writer, is_blocked=False)
        await writer.write(taken(1, 5))
        await writer.close()

    asyncio.run(use())
    assert ids(inbox) == list(range(6))


def test_on_a_small_disk_the_log_gives_its_room_back_before_events_are_refused(inbox: Path) -> None:
    """It grows with each upload, however small, and is longer than what it holds."""
    refused: list[int] = []

    def require(directory: Path) -> None:
        if (taken_bytes := sum(each.stat().st_size for each in directory.iterdir())) > 300_000:
            refused.append(taken_bytes)
            raise OSError(errno.ENOSPC, "the disk is nearly full")

    made = appender.Appender(inbox, require)
    for number in range(300):
        made._next_look = 0.0
        made.append([taken(1, number)])
    made.close()
    assert refused
    assert ids(inbox) == list(range(300))


def test_a_process_that_keeps_the_inbox_for_long_makes_uploads_wait_and_fails_none(inbox: Path) -> None:
    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(1))
        path = inbox_file(inbox)
        assert path is not None
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        uploads = [asyncio.ensure_future(writer.write(taken(1, number))) for number in range(1, 5)]
        given_up = asyncio.ensure_future(writer.write(taken(1, 77)))
        await asyncio.wait(uploads, timeout=0.3)
        assert not any(each.done() for each in uploads)
        given_up.cancel()
        other.execute("ROLLBACK")
        other.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*uploads)
        await writer.close()

    asyncio.run(use())
    values = {each.value for each in read_all(reader(inbox))}
    assert values >= {each.value for each in taken(5)}
    assert ids(inbox) == list(range(len(values)))


def test_it_closes_although_a_process_keeps_the_inbox(inbox: Path) -> None:
    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(1))
        path = inbox_file(inbox)
        assert path is not None
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await writer.write(taken(1, 1))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await writer.close()
        other.execute("ROLLBACK")
        other.close()

    asyncio.run(use())
    assert ids(inbox) == [0]


def test_what_is_stored_is_synced_before_anybody_is_told(inbox: Path) -> None:
    """SQLite syncs the log at each commit with these settings alone (sqlite.org/pragma.html#pragma_synchronous)."""
    made = appender.Appender(inbox)
    made.append([taken(1)])
    database = made._database
    assert database is not None
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    made.close()


def test_one_collector_writes_to_an_inbox(inbox: Path) -> None:
    async def use() -> None:
        writer = InboxEventWriter(inbox)
        with pytest.raises(SetupError, match=r"source\.directory: another collector writes to"):
            InboxEventWriter(inbox)
        await writer.close()
        again = InboxEventWriter(inbox)
        await again.close()

    asyncio.run(use())


def test_a_directory_that_cannot_be_made_is_said_before_anything_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match=r"source\.directory: .* cannot be used"):
        InboxEventWriter(tmp_path / "file" / "inbox")


def test_a_file_that_is_damaged_while_it_is_written_to_is_replaced_and_the_upload_stored(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever SQLite says of the first file, whoever waits is answered when the events are in the second."""
    problem = sqlite3.DatabaseError("database disk image is malformed")
    problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    problems: list[sqlite3.DatabaseError] = []
    real = appender._statements

    def statements(rows: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        if problems:
            raise problems.pop()
        yield from real(rows)

    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(5))
        monkeypatch.setattr(appender, "_statements", statements)
        problems.append(problem)
        await writer.write(taken(5, 5))
        assert writer.blocked is None
        await writer.close()

    asyncio.run(use())
    assert inbox_file(inbox) == inbox / "events-000002.sqlite"
    assert ids(inbox) == list(range(10))


def test_what_nobody_has_thought_of_is_said_to_who_waits_and_ends_nothing(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = appender.Appender.append
    problems: list[Exception] = [MemoryError(), RuntimeError("never thought of")]

    def append(self: appender.Appender, uploads: Any) -> None:
        if problems:
            raise problems.pop()
        real(self, uploads)

    monkeypatch.setattr(appender.Appender, "append", append)

    async def use() -> None:
        writer = InboxEventWriter(inbox)
        for problem in ("never thought of", "MemoryError"):
            with pytest.raises(EventsNotStoredError, match=problem):
                await writer.write(taken(3))
        await writer.write(taken(3))
        await writer.close()

    asyncio.run(use())
    assert ids(inbox) == [0, 1, 2]


def test_it_tells_what_waits(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointer, "_EVERY_SECONDS", 0.01)

    async def use() -> None:
        writer = InboxEventWriter(inbox)
        await writer.write(taken(3))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := writer.waiting) is None or found.events < 3:  # noqa: ASYNC110 - another thread measures
                await asyncio.sleep(0.01)
        assert found.oldest_received_ms == TIME_MS
        assert found.size_bytes > 0
        await writer.close()

    asyncio.run(use())


def test_uploads_of_one_moment_share_a_sync(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    real = appender.Appender.append

    def append(self: appender.Appender, uploads: list[list[object]]) -> None:
        groups.append(len(uploads))
        real(self, uploads)  # type: ignore[arg-type]

    monkeypatch.setattr(appender.Appender, "append", append)
    asyncio.run(write(inbox, *(taken(10, 10 * number) for number in range(50))))
    assert sum(groups) == 50
    assert len(groups) < 10
