"""Outages of the collector, and what Amplitude's clients make of them: where one loses an event, it is its own rule.

What each client bears was measured with its own defaults, but for the shorter time between its uploads here.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import AdminClient

from connectors.inbox.directory import inbox_file
from tests.fixtures.clients import why_missing
from tests.fixtures.collecting import PURCHASE, Collecting, Sent
from tests.fixtures.kafka import make_again
from tests.fixtures.kafka_local import LocalKafka
from tests.fixtures.needs import is_missing
from tests.fixtures.settings import kafka_source
from tests.fixtures.small_disk import small_disk
from tests.tools.clients.known import CLIENTS

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("outages")]

SERVERS: Final = "servers"
PAGES: Final = "pages"
PAUSE_MS: Final = 500
FLUSH_MS: Final = 1_000
OUTAGE_SECONDS: Final = 20
ORDERS: Final = 60
"""Half a minute of orders: some before the outage, most of them in it, some after it."""
PATIENCE_SECONDS: Final = 120
"""A client that is throttled waits 30 seconds, and may be throttled twice."""
BEACONS: Final = frozenset({"browser-beacon", "legacy-browser-beacon"})
"""A beacon's answer is never seen: it counts as a success, whatever it is, and nothing is sent again."""
GIVE_UP_AT_ONCE: Final = frozenset({"node", "legacy-node", "go"})
"""They lose what they send while the connection is refused, at the first attempt, and report it as lost."""
BEARABLE_SECONDS: Final = {
    "python": 9.9,
    "java": 12.7,
    "kotlin": 15.0,
    "kotlin-gzip": 15.0,
    "browser-fetch": 6.6,
    "browser-xhr": 6.6,
    "browser-gzip": 6.6,
    "legacy-browser": 3600.0,
}
"""For how long the others try again while the connection is refused."""


class Everybody:
    """All clients that are installed here, at work at the same time."""

    def __init__(self, collecting: Collecting, group: str, orders: int = ORDERS) -> None:
        """Let a group send; return when an order of each has arrived."""
        self.collecting = collecting
        self.orders = orders
        self.sent = [
            collecting.send(each, orders=orders, pause_ms=PAUSE_MS, flush_ms=FLUSH_MS, patience_s=PATIENCE_SECONDS)
            for each in CLIENTS
            if each.tls == (group == SERVERS) and why_missing(each) is None
        ]
        if not self.sent:
            is_missing(f"none of the {group}' clients is installed: make clients")
        collecting.sandbox.wait_until(lambda _counts: all(map(collecting.orders, self.sent)), 90)

    def lost(self) -> dict[str, set[int | str]]:
        """Wait until all have ended and what was answered 200 has arrived; return what each has lost.

        Fail if anything arrived twice, or otherwise than it was sent.
        """
        for each in self.sent:
            each.sending.wait(PATIENCE_SECONDS + 60)
        for each in self.sent:
            self._await_answered(each)
            assert max(self.collecting.orders(each).values()) == 1, each.client
            assert len(self.collecting.bodies(each, PURCHASE)) <= 1, each.client
            self.collecting.judge(each)
        return {each.client.name: self._lost_by(each) for each in self.sent}

    def _lost_by(self, sent: Sent) -> set[int | str]:
        revenue = set() if self.collecting.bodies(sent, PURCHASE) else {PURCHASE}
        return set(range(self.orders)) - self._arrived(sent) | revenue

    def _await_answered(self, sent: Sent) -> None:
        due = answered(sent)
        self.collecting.sandbox.wait_until(lambda _counts: due <= self._arrived(sent), 60)

    def _arrived(self, sent: Sent) -> set[int]:
        return set(self.collecting.orders(sent))


def answered(sent: Sent) -> set[int]:
    """Return the orders that a client was told are taken; of a beacon, none is known."""
    if sent.client.name in BEACONS:
        return set()
    return {each.number for each in sent.sending.reports if each.code == 200 and each.number is not None}


@pytest.fixture(params=[SERVERS, PAGES])
def group(request: pytest.FixtureRequest) -> str:
    """Servers' clients speak TLS, and pages' do not: a collector speaks one of both."""
    return str(request.param)


@pytest.mark.slow
def test_a_restart_loses_what_clients_give_up_while_nobody_listens(collecting: Collecting, group: str) -> None:
    """No more than that, for what was begun is answered before the collector leaves."""
    collecting.take_orders(tls=group == SERVERS)
    run = collecting.start()
    everybody = Everybody(collecting, group)
    went = time.monotonic()
    assert run.stop() == 0, run.log
    collecting.start()
    gap_seconds = time.monotonic() - went
    lost = everybody.lost()
    most = (gap_seconds + 2 * FLUSH_MS / 1000) / (PAUSE_MS / 1000)
    for name, orders in lost.items():
        bears = BEARABLE_SECONDS.get(name, 0.0) > gap_seconds + FLUSH_MS / 1000
        assert len(orders) <= (0 if bears else most), (name, gap_seconds, orders)
        assert name not in GIVE_UP_AT_ONCE | BEACONS or orders, f"{name} lost nothing: does it try again now?"


@pytest.mark.slow
def test_overload_loses_nothing(collecting: Collecting, group: str) -> None:
    """What cannot be stored in time is answered 429 with every index: all clients that see an answer send it again."""
    collecting.take_orders(tls=group == SERVERS)
    run = collecting.start()
    everybody = Everybody(collecting, group, orders=30)
    with nobody_else_writes(collecting.stream.directory / "inbox"):
        collecting.await_throttled()
    assert losers(everybody) <= BEACONS
    assert run.stop() == 0, run.log


@pytest.mark.chaos
def test_a_full_disk_loses_nothing(collecting: Collecting, group: str) -> None:
    """For 20 seconds; the collector goes on by itself when there is room."""
    with small_disk(collecting.stream.directory / "inbox", 8) as disk:
        collecting.take_orders(tls=group == SERVERS)
        run = collecting.start()
        everybody = Everybody(collecting, group)
        disk.fill()
        time.sleep(OUTAGE_SECONDS)
        collecting.await_throttled()
        disk.clear()
        assert losers(everybody) == (BEACONS if group == PAGES else set())
        assert run.stop() == 0, run.log


@pytest.mark.chaos
@pytest.mark.kafka
def test_a_broker_that_is_away_loses_nothing(collecting: Collecting, own_kafka: LocalKafka, group: str) -> None:
    """For 20 seconds; a copy that it took before it went is known by its insert_id."""
    own_kafka.start()
    make_again(AdminClient({"bootstrap.servers": own_kafka.address}), "events", partitions=4)
    collecting.take_orders(kafka_source(own_kafka.address, "events"), tls=group == SERVERS)
    run = collecting.start()
    everybody = Everybody(collecting, group)
    own_kafka.pause()
    time.sleep(OUTAGE_SECONDS)
    collecting.await_throttled()
    own_kafka.go_on()
    assert losers(everybody) == (BEACONS if group == PAGES else set())
    assert run.stop() == 0, run.log


def losers(everybody: Everybody) -> set[str]:
    """Return the clients that lost something."""
    return {name for name, lost in everybody.lost().items() if lost}


@contextmanager
def nobody_else_writes(inbox: Path) -> Iterator[None]:
    """Take the inbox's place to write for oneself: the collector waits, as it does for a disk that is too slow."""
    file = inbox_file(inbox)
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")
