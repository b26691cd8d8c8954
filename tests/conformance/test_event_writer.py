"""The contract of `connectors.event_writer.EventWriter`, kept by every source that takes events in."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from confluent_kafka import Message

from connectors.event_writer import EventsNotStoredError, EventWriter, TakenEvent
from connectors.inbox.database import connect
from connectors.inbox.directory import inbox_file
from connectors.kinds import SOURCES, source_of
from connectors.ports import Source
from tests.fixtures.topic_content import read_topic

TIME_MS: Final = 1_700_000_000_000


class Kind(NamedTuple):
    """A source that events can be added to, and what it holds by now: that of one user in its order."""

    source: Source
    stored: Callable[[], list[TakenEvent]]


def _inbox(tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    del request
    settings: Any = SOURCES["inbox"].table.model_validate({"kind": "inbox"})

    def stored() -> list[TakenEvent]:
        path = inbox_file(tmp_path / "inbox")
        assert path is not None
        database = connect(path)
        rows = database.execute("SELECT value, key, received_ms, library FROM events ORDER BY id").fetchall()
        database.close()
        return [TakenEvent(*row) for row in rows]

    return Kind(source_of(settings.settings(tmp_path)), stored)


def _kafka(tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    address, topic = request.getfixturevalue("kafka"), request.getfixturevalue("topic")
    table = {"kind": "kafka", "bootstrap_servers": address, "topic": topic}
    settings: Any = SOURCES["kafka"].table.model_validate(table)
    source = source_of(settings.settings(tmp_path))
    return Kind(source, lambda: [_taken(each) for each in read_topic(address, topic)])


def _taken(message: Message) -> TakenEvent:
    headers = dict(message.headers() or [])
    _, time_ms = message.timestamp()
    assert headers["received_ms"] == b"%d" % time_ms
    value, key, library = message.value(), message.key(), headers["library"]
    assert isinstance(value, bytes)
    assert isinstance(library, bytes)
    assert key is None or isinstance(key, bytes)
    return TakenEvent(value, key, time_ms, library.decode())


@pytest.fixture(params=[_inbox, pytest.param(_kafka, marks=pytest.mark.kafka)], ids=lambda make: make.__name__)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    make: Callable[[Path, pytest.FixtureRequest], Kind] = request.param
    return make(tmp_path, request)


def events(user: str, count: int, first: int = 0) -> list[TakenEvent]:
    """Return events of one user, each with a number."""
    return [
        TakenEvent(b'{"n":%d}' % number, user.encode(), TIME_MS + number, "test/1")
        for number in range(first, first + count)
    ]


def with_writer(kind: Kind, use: Callable[[EventWriter], Awaitable[None]]) -> None:
    """Open the writer, use it in a loop of its own, and close it."""

    async def run() -> None:
        writer = kind.source.writer()
        assert writer is not None
        try:
            await asyncio.wait_for(use(writer), 30)
        finally:
            await writer.close()
            await writer.close()  # may be called more than once

    asyncio.run(run())


def test_what_was_written_is_there_before_it_is_closed(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        await writer.write(events("u", 10))
        assert await asyncio.to_thread(kind.stored) == events("u", 10)
        assert writer.blocked is None

    with_writer(kind, use)


def test_each_event_comes_back_as_it_was_given(kind: Kind) -> None:
    given = [
        TakenEvent(b"\x00\xff no JSON", b"\xff\x00", TIME_MS, ""),
        TakenEvent(b"", b"u", TIME_MS + 1, "amplitude-ts/2.48.1"),
        TakenEvent('{"name":"Käufer 🛒"}'.encode(), "Jürgen".encode(), TIME_MS + 2, "bücher/1 🛒"),
        TakenEvent(b"x" * 900_000, b"u", TIME_MS + 3, "l" * 64),
        TakenEvent(b"{}", None, TIME_MS + 4, "test/1"),
    ]

    async def use(writer: EventWriter) -> None:
        await writer.write(given)

    with_writer(kind, use)
    assert set(kind.stored()) == set(given)
    assert len(kind.stored()) == len(given)


def test_what_utf_8_cannot_say_in_the_librarys_name_costs_no_event(kind: Kind) -> None:
    """JSON can: a client's text may hold half of a character."""

    async def use(writer: EventWriter) -> None:
        await asyncio.gather(
            writer.write([TakenEvent(b"{}", b"u", TIME_MS, "half \ud83d")]), writer.write(events("v", 3))
        )

    with_writer(kind, use)
    stored = {each.key: each for each in kind.stored()}
    assert stored[b"u"].library == "half ?"
    assert len(kind.stored()) == 4


def test_the_order_of_a_user_is_kept_within_and_over_uploads(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        for first in range(0, 50, 10):
            await writer.write(events("u", 10, first))

    with_writer(kind, use)
    assert kind.stored() == events("u", 50)


def test_uploads_at_the_same_time_are_all_stored_once(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        async def client(user: str) -> None:
            for first in range(0, 20, 5):
                await writer.write(events(user, 5, first))

        await asyncio.gather(*(client(f"user-{number}") for number in range(40)))

    with_writer(kind, use)
    stored = kind.stored()
    for number in range(40):
        key = b"user-%d" % number
        assert [each for each in stored if each.key == key] == events(f"user-{number}", 20)
    assert len(stored) == 800


def test_an_upload_without_events_stores_nothing(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        await writer.write([])
        await writer.write(events("u", 1))

    with_writer(kind, use)
    assert kind.stored() == events("u", 1)


def test_a_large_upload_is_stored_whole(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        await writer.write(events("u", 2000))

    with_writer(kind, use)
    assert kind.stored() == events("u", 2000)


def test_who_stops_waiting_disturbs_nobody(kind: Kind) -> None:
    """Whoever is cancelled may have stored or not; the others have."""

    async def use(writer: EventWriter) -> None:
        tasks = [asyncio.ensure_future(writer.write(events(f"user-{number}", 3))) for number in range(20)]
        await asyncio.sleep(0)
        for each in tasks[::2]:
            each.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None for each in done[1::2])

    with_writer(kind, use)
    stored = kind.stored()
    for number in range(20):
        of_user = [each for each in stored if each.key == b"user-%d" % number]
        assert of_user == events(f"user-{number}", 3) or (number % 2 == 0 and not of_user)


def test_what_was_begun_is_stored_when_it_is_closed(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        tasks = [asyncio.ensure_future(writer.write(events(f"user-{number}", 2))) for number in range(30)]
        await asyncio.sleep(0)
        await writer.close()
        await asyncio.gather(*tasks)

    with_writer(kind, use)
    assert len(kind.stored()) == 60


def test_nothing_is_taken_after_it_is_closed(kind: Kind) -> None:
    async def use(writer: EventWriter) -> None:
        await writer.write(events("u", 1))
        await writer.close()
        with pytest.raises(EventsNotStoredError):
            await writer.write(events("u", 1, 1))

    with_writer(kind, use)
    assert kind.stored() == events("u", 1)


def test_a_new_writer_goes_on_behind_what_is_there(kind: Kind) -> None:
    for first in (0, 7, 14):

        async def use(writer: EventWriter, first: int = first) -> None:
            await writer.write(events("u", 7, first))

        with_writer(kind, use)
    assert kind.stored() == events("u", 21)
