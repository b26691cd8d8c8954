"""The inbox under a real stream: its state is lost, its file is damaged, it is killed at any moment."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.clock import now_ms
from connectors.event_writer import TakenEvent
from connectors.inbox.appender import Appender
from connectors.inbox.database import connect
from connectors.inbox.directory import inbox_file
from tests.fixtures.events import appsflyer_id, order
from tests.fixtures.inbox import write
from tests.fixtures.settings import settings_text, sync_table
from tests.fixtures.stream import KEY, Stream

PATIENCE_SECONDS = 60.0


class Rig:
    """A stream that reads an inbox, and what it has delivered."""

    def __init__(self, stream: Stream, sandbox: SandboxServer) -> None:
        self.stream, self.sandbox = stream, sandbox
        self.inbox = stream.directory / "inbox"

    def configure(self, **tables: Any) -> None:
        self.stream.configure(
            settings_text({"kind": "inbox"}, sync_table(), delivery={"endpoint": self.sandbox.url}, **tables)
        )

    def take_in(self, *events: dict[str, Any]) -> None:
        """Store events, as the collector does."""
        asyncio.run(write(self.inbox, [TakenEvent(orjson.dumps(each), None, now_ms(), "test") for each in events]))

    def delivered(self) -> Counter[int]:
        """Return how often each order's number was accepted."""
        return Counter(
            orjson.loads(each["body"]["eventValue"])["number"]
            for each in self.sandbox.requests
            if each["status"] == 200
        )

    def wait_for(self, count: int) -> None:
        """Wait until so many different orders were accepted."""
        self.sandbox.wait_until(lambda _: len(self.delivered()) >= count, PATIENCE_SECONDS)


@pytest.fixture
def rig(stream: Stream) -> Iterator[Rig]:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        yield Rig(stream, sandbox)


def test_a_stream_whose_state_is_lost_sends_nothing_twice_loses_nothing_and_knows_its_users(rig: Rig) -> None:
    """The inbox tells what had met its fate, beyond an event that waits as well, and still has what taught users."""
    rig.configure(identity={"hold_seconds": 3600})
    waits = order(2, user_properties=None)
    rig.take_in(order(1), waits, *(order(number) for number in range(3, 40)))
    run = rig.stream.start("-m", "flows", "run")
    rig.wait_for(38)
    assert run.stop() == 0
    assert run.summary["syncs"]["production"]["pending"] == 1

    shutil.rmtree(rig.stream.directory / "state")
    knows_user = order(100, user_id="user-1", user_properties=None)
    teaches = order(101, user_id="user-2")
    rig.take_in(knows_user, teaches)
    again = rig.stream.start("-m", "flows", "run")
    rig.wait_for(41)
    assert again.stop() == 0
    assert rig.delivered() == Counter([*range(1, 40), 100, 101])
    ids = {
        orjson.loads(each["body"]["eventValue"])["number"]: each["body"]["appsflyer_id"]
        for each in rig.sandbox.requests
    }
    assert ids[100] == appsflyer_id(1)
    assert ids[2] == ids[101]


def test_a_damaged_file_costs_what_was_in_the_damage_alone_and_the_stream_goes_on(rig: Rig) -> None:
    """The stream cannot read on and says so; the collector, when it comes, mends it; the stream goes on by itself."""
    rig.configure()
    count = 600
    rig.take_in(*(order(number) for number in range(count)))
    path = inbox_file(rig.inbox)
    assert path is not None
    with closing(connect(path)) as database:
        (size,) = database.execute("PRAGMA page_count").fetchone()
    with path.open("r+b") as file:
        file.seek(4096 * (size // 2))
        file.write(b"\xff" * 4096)
    run = rig.stream.start("-m", "flows", "run")
    run.wait_for_log("the inbox cannot be read; trying again")
    appender = Appender(rig.inbox)
    appender.try_once()
    while inbox_file(rig.inbox) == path:
        appender.tend()
    appender.append([[TakenEvent(orjson.dumps(order(count)), None, now_ms(), "test")]])
    rig.sandbox.wait_until(lambda _: count in rig.delivered(), PATIENCE_SECONDS)
    appender.close()
    assert run.stop() == 0
    delivered = rig.delivered()
    assert set(delivered.values()) == {1}
    assert count - 20 < len(delivered) <= count
    assert (rig.inbox / f"{path.name}.damaged").exists()


def test_kills_of_the_stream_cost_no_event_and_leave_the_inbox_small(rig: Rig) -> None:
    rig.configure()
    total = 0
    for _ in range(2):
        rig.take_in(*(order(number) for number in range(total, total + 150)))
        total += 150
        run = rig.stream.start("-m", "flows", "run")
        rig.wait_for(total - 100)
        run.kill()
    run = rig.stream.start("-m", "flows", "run")
    run.wait_for_log("reading the inbox")
    rig.wait_for(total)
    assert run.stop() == 0
    delivered = rig.delivered()
    assert set(delivered) == set(range(total))
    assert Path(rig.inbox / "events-000001.sqlite").stat().st_size < 2_000_000
