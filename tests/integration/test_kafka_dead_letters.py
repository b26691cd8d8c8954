"""Dead letters in a real Kafka topic: durable when `write` returns, whole where the topic allows it, never silent."""

import os
import random
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from connectors.dead_letters import LettersUnavailableError, LetterWriter, headers
from connectors.kafka.dead_letters import KafkaLetterWriter
from connectors.kafka.settings import KafkaDeadLetters
from tests.fixtures.letters import letter

pytestmark = pytest.mark.kafka

MakeTopic = Callable[..., str]
NOISE = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=8000))
"""Text that does not compress."""


@pytest.fixture
def open_writer(kafka: str) -> Iterator[Callable[..., LetterWriter]]:
    made: list[KafkaLetterWriter] = []

    def make(topic: str, address: str = kafka, seconds: float = 10, **properties: str) -> LetterWriter:
        pairs = tuple((name.replace("_", "."), value) for name, value in properties.items())
        made.append(KafkaLetterWriter(KafkaDeadLetters(address, topic, pairs), seconds))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


@pytest.fixture
def stored(kafka: str) -> Callable[[str], list[Message]]:
    """Return `stored(topic)` → everything in its only partition now."""

    def read(topic: str) -> list[Message]:
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": "any", "fetch.message.max.bytes": 20_000_000})
        place = TopicPartition(topic, 0, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=20)
        consumer.assign([place])
        messages: list[Message] = []
        while not messages or (messages[-1].offset() or 0) < end - 1:
            if end == 0:
                break
            message = consumer.poll(20)
            assert message is not None
            assert message.error() is None
            messages.append(message)
        consumer.close()
        return messages

    return read


def headers_of(message: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in cast("list[tuple[str, bytes]]", message.headers())}


def test_the_original_bytes_the_key_and_every_header_arrive(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic()
    letters = [letter(0, b"\xff\x00not json"), letter(1, b"", key=None, sync=None, http_status=None)]
    open_writer(topic).write(letters)
    messages = stored(topic)
    assert [(each.key(), each.value()) for each in messages] == [(b"user", b"\xff\x00not json"), (None, b"")]
    assert [headers_of(each) for each in messages] == [dict(headers(each)) for each in letters]
    assert "sync" not in headers_of(messages[1])


def test_many_letters_are_stored_in_one_write_and_in_order(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic()
    open_writer(topic).write([letter(each, str(each).encode()) for each in range(3000)])
    assert [each.value() for each in stored(topic)] == [str(each).encode() for each in range(3000)]


def test_five_megabytes_that_compress_well_are_stored_whole(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic()
    line = b'{"event_type":"x"}' * 300_000
    open_writer(topic).write([letter(0, line)])
    [message] = stored(topic)
    assert message.value() == line
    assert "truncated_from_bytes" not in headers_of(message)


def test_what_the_topic_does_not_take_is_cut_and_says_so_and_holds_up_nothing(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic()
    junk = os.urandom(5_000_000)
    letters = [letter(0, b"small"), letter(1, junk), letter(2, b"also small")]
    open_writer(topic).write(letters)
    messages = {headers_of(each)["offset"]: each for each in stored(topic)}
    assert len(messages) == 3
    assert (messages["0"].value(), messages["2"].value()) == (b"small", b"also small")
    assert messages["1"].value() == junk[:900_000]
    assert headers_of(messages["1"])["truncated_from_bytes"] == "5000000"
    assert headers_of(messages["1"])["reason"] == "rejected"
    assert "truncated_from_bytes" not in headers_of(messages["0"])


def test_a_topic_of_small_messages_gets_as_much_as_it_takes(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic(max_message_bytes="10000")
    dice = random.Random(3)
    letters = [letter(each, dice.randbytes(dice.choice([100, 4_000, 30_000]))) for each in range(40)]
    open_writer(topic).write(letters)
    messages = {int(headers_of(each)["offset"]): each for each in stored(topic)}
    assert len(messages) == 40
    for each in letters:
        value = messages[each.position.offset].value() or b""
        assert each.value.startswith(value)
        assert len(value) == (len(each.value) if len(each.value) <= 4_000 else 7_031)


def test_a_broker_that_is_not_there_is_an_error_within_the_time_given(open_writer: Callable[..., LetterWriter]) -> None:
    writer = open_writer("any", "127.0.0.1:9", 1)
    with pytest.raises(LettersUnavailableError, match=r"dead_letters\.topic: 2 of 2 .* 127\.0\.0\.1:9: .*refused"):
        writer.write([letter(0), letter(1)])


def test_letters_that_were_acknowledged_are_not_written_again_with_the_ones_that_were_not(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    """The topic takes a letter with a two-letter key, but nothing as large as the other one's headers."""
    topic = make_topic(max_message_bytes="260")
    writer = open_writer(topic, compression_type="none")
    good = [letter(each, sync=None, send_as=None, answer=None, error="") for each in range(2)]
    bad = letter(2, error=NOISE)
    for _ in range(3):
        with pytest.raises(LettersUnavailableError, match=r"1 of 3 .*too large"):
            writer.write([*good, bad])
    writer.write([*good, bad._replace(error="", sync=None, send_as=None, answer=None)])
    assert [headers_of(each)["offset"] for each in stored(topic)] == ["0", "1", "2"]


def test_a_key_and_headers_that_the_topic_does_not_take_hold_up_nothing(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic(max_message_bytes="2000")
    open_writer(topic).write([letter(0, b"x" * 5000, key=NOISE.encode(), answer=NOISE), letter(1)])
    messages = {headers_of(each)["offset"]: each for each in stored(topic)}
    assert set(messages) == {"0", "1"}
    assert (messages["0"].key(), messages["0"].value()) == (None, b"")
    assert headers_of(messages["0"])["truncated_from_bytes"] == "5000"
    assert headers_of(messages["0"])["answer"] == NOISE[:100]


def test_it_goes_on_after_a_failure(
    make_topic: MakeTopic, open_writer: Callable[..., LetterWriter], stored: Callable[[str], list[Message]]
) -> None:
    topic = make_topic(max_message_bytes="2000")
    writer = open_writer(topic)
    writer.write([letter(0, os.urandom(50_000))])
    writer.write([letter(1, b"fine")])
    assert [headers_of(each)["offset"] for each in stored(topic)] == ["0", "1"]


def test_nothing_to_write_is_nothing_written(open_writer: Callable[..., LetterWriter]) -> None:
    open_writer("any", "127.0.0.1:9", 1).write([])
