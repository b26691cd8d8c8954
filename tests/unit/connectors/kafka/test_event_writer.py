"""Events that are taken in while no broker answers."""

import asyncio
import socket

import pytest

from connectors.event_writer import EventsNotStoredError, TakenEvent
from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.event_writer import KafkaEventWriter
from connectors.kafka.settings import KafkaSource

EVENTS = [TakenEvent(b"{}", b"u", 1_700_000_000_000, "test/1")]


def _nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_without_a_broker_nothing_is_said_to_be_stored_and_it_says_why() -> None:
    async def use() -> None:
        writer = KafkaEventWriter(KafkaSource(_nobody(), "t", "g"), delivery_seconds=0.5)
        with pytest.raises(EventsNotStoredError, match="Kafka has not acknowledged all events"):
            await asyncio.wait_for(writer.write(EVENTS), 20)
        assert writer.blocked is not None
        await writer.close()

    asyncio.run(use())


def test_more_than_may_wait_is_refused_at_once() -> None:
    async def use() -> None:
        writer = KafkaEventWriter(KafkaSource(_nobody(), "t", "g"), delivery_seconds=0.5)
        with pytest.raises(EventsNotStoredError, match="no more may"):
            await writer.write(EVENTS * 100_001)
        await writer.close()

    asyncio.run(use())


def test_a_property_that_librdkafka_refuses_is_named() -> None:
    settings = KafkaSource("127.0.0.1:1", "t", "g", properties=(("security.protocol", "sasl_nothing"),))
    with pytest.raises(KafkaSetupError, match=r"source\.properties"):
        KafkaEventWriter(settings)
