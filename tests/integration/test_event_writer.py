"""Events that are taken in, on their way into a real topic."""

import asyncio
from collections.abc import Callable
from hashlib import sha256

import pytest

from connectors.dead_letters import TRUNCATED_HEADER
from connectors.event_writer import EventsNotStoredError, TakenEvent
from connectors.kafka.event_writer import KafkaEventWriter
from connectors.kafka.settings import KafkaSource
from flows.domain.decode import Refused, decode
from flows.domain.event import Record
from tests.fixtures.topic_content import read_topic

pytestmark = pytest.mark.kafka

TIME_MS = 1_700_000_000_000


def _write(settings: KafkaSource, *uploads: list[TakenEvent]) -> None:
    async def use() -> None:
        writer = KafkaEventWriter(settings)
        try:
            await asyncio.wait_for(asyncio.gather(*map(writer.write, uploads)), 30)
        finally:
            await writer.close()

    asyncio.run(use())


def test_a_record_has_what_is_known_of_its_event(kafka: str, topic: str) -> None:
    _write(KafkaSource(kafka, topic, "g"), [TakenEvent(b"{}", b"user", TIME_MS, "amplitude-ts/2.48.1")])
    (record,) = read_topic(kafka, topic)
    assert (record.value(), record.key(), record.timestamp()[1]) == (b"{}", b"user", TIME_MS)
    assert record.headers() == [("library", b"amplitude-ts/2.48.1"), ("received_ms", b"%d" % TIME_MS)]


def test_a_users_events_are_where_javas_clients_put_them(kafka: str, topic: str) -> None:
    """Kafka's own DefaultPartitioner: murmur2 of the key, without its sign, modulo the number of partitions."""
    keys = [b"21", b"foobar", b"a-little-bit-long-string", b"abc"]  # of UtilsTest in org.apache.kafka.common.utils
    hashes = [-973932308, -790332482, -985981536, 479470107]
    _write(KafkaSource(kafka, topic, "g"), [TakenEvent(b"{}", key, TIME_MS, "") for key in keys])
    found = {record.key(): record.partition() for record in read_topic(kafka, topic)}
    assert found == {key: (hashed & 0x7FFFFFFF) % 4 for key, hashed in zip(keys, hashes, strict=True)}


def test_an_event_that_its_topic_does_not_take_is_cut_and_holds_up_no_other(
    kafka: str, make_topic: Callable[..., str]
) -> None:
    """What is left of it is refused by decode, so that it becomes a dead letter."""
    topic = make_topic(max_message_bytes="400000")
    noise = b"".join(sha256(b"%d" % number).hexdigest().encode() for number in range(30_000))
    large = TakenEvent(b'{"event_type":"e","user_id":"u","x":"%b"}' % noise, b"u", TIME_MS, "")
    around = [TakenEvent(b'{"n":%d}' % number, b"u", TIME_MS, "") for number in (1, 2)]
    _write(KafkaSource(kafka, topic, "g"), [around[0], large, around[1]])
    *whole, cut = read_topic(kafka, topic)
    assert [each.value() for each in whole] == [each.value for each in around]
    assert dict(cut.headers() or [])[TRUNCATED_HEADER] == b"%d" % len(large.value)
    value = cut.value()
    assert isinstance(value, bytes)
    assert large.value.startswith(value)
    assert [type(each) for each in decode(Record(value, b"u", "t", 0, 0, 0))] == [Refused]


def test_a_topic_that_is_not_there_is_no_place_for_events(kafka: str) -> None:
    async def use() -> None:
        writer = KafkaEventWriter(KafkaSource(kafka, "no-such-topic", "g"), delivery_seconds=1.0)
        with pytest.raises(EventsNotStoredError):
            await asyncio.wait_for(writer.write([TakenEvent(b"{}", b"u", TIME_MS, "")]), 30)
        await writer.close()

    asyncio.run(use())
