"""Events that are taken in while their broker is killed, or silent: whoever is told that they are stored is told so."""

import asyncio
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.event_writer import EventsNotStoredError, TakenEvent
from connectors.kafka.event_writer import KafkaEventWriter
from connectors.kafka.settings import KafkaSource
from tests.fixtures.kafka_local import LocalKafka
from tests.fixtures.topic_content import read_topic

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

TOPIC = "taken-in"
CLIENTS = 10
AWAY_SECONDS = 10.0
PATIENCE_SECONDS = 60.0


class Clients:
    """Clients that send uploads one after another, and each again until it is stored."""

    def __init__(self, writer: KafkaEventWriter) -> None:
        self._writer = writer
        self.stored: list[bytes] = []
        self.refused = 0
        self.is_over = asyncio.Event()

    async def run(self) -> None:
        """Send until it is over."""
        await asyncio.gather(*map(self._client, range(CLIENTS)))

    async def _client(self, number: int) -> None:
        upload = 0
        while not self.is_over.is_set():
            values = [b"%d/%d/%d" % (number, upload, place) for place in range(5)]
            try:
                await self._writer.write([TakenEvent(each, b"user-%d" % number, 1, "test/1") for each in values])
            except EventsNotStoredError:
                self.refused += 1
                await asyncio.sleep(0.1)
                continue
            self.stored += values
            upload += 1
            await asyncio.sleep(0.002)

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():  # noqa: ASYNC110 - another thread changes it
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ["killed", "silent", "producer"])
def test_what_is_said_to_be_stored_is_there_in_the_order_of_each_user(own_kafka: LocalKafka, way: str) -> None:
    """«producer»: librdkafka's own has ended for good, and another takes its place."""
    own_kafka.start()
    admin = AdminClient({"bootstrap.servers": own_kafka.address})
    admin.create_topics([NewTopic(TOPIC, 3, 1)])[TOPIC].result(timeout=30)
    begin = {"killed": own_kafka.kill, "silent": own_kafka.pause, "producer": lambda: None}[way]
    end = {"killed": own_kafka.start, "silent": own_kafka.go_on, "producer": lambda: None}[way]

    async def use() -> Clients:
        writer = KafkaEventWriter(KafkaSource(own_kafka.address, TOPIC, "g"), delivery_seconds=2.0)
        clients = Clients(writer)
        running = asyncio.ensure_future(clients.run())
        await clients.wait_for(lambda: len(clients.stored) > 500)
        if way == "producer":
            writer._on_error(KafkaError(KafkaError._FATAL, "a test", fatal=True))
        else:
            await asyncio.to_thread(begin)
            await clients.wait_for(lambda: clients.refused > 0 and writer.blocked is not None)
            await asyncio.sleep(AWAY_SECONDS / 2)
            await asyncio.to_thread(end)
        count = len(clients.stored)
        await clients.wait_for(lambda: len(clients.stored) > count + 500)
        assert writer.blocked is None
        clients.is_over.set()
        await running
        await writer.close()
        return clients

    clients = asyncio.run(use())
    records = read_topic(own_kafka.address, TOPIC)
    assert set(clients.stored) <= {each.value() for each in records}
    for number in range(CLIENTS):
        values = [each.value() for each in records if each.key() == b"user-%d" % number]
        first = list(dict.fromkeys(values))
        assert first == sorted(first, key=lambda each: [int(part) for part in (each or b"").split(b"/")])
