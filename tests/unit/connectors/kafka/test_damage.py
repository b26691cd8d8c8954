"""Damaged partitions: each is let go of once, and tried again only as long as it is read at all."""

import pytest
from confluent_kafka import KafkaError

from connectors.kafka.damage import RETRY_SECONDS, TopicDamage
from connectors.limited_log import LimitedLog


def test_a_damaged_partition_is_tried_again_in_its_time() -> None:
    damage = TopicDamage("t", LimitedLog())
    damage.note(3, 17, "a wrong checksum", 100.0)
    assert 3 in damage
    assert list(damage.due(100.0 + RETRY_SECONDS - 1)) == []
    assert list(damage.due(100.0 + RETRY_SECONDS)) == [(3, 17)]
    assert 3 not in damage


def test_one_that_ends_is_not_tried_again() -> None:
    """Else it would be fetched once more, and its records would take the room of the other partitions."""
    damage = TopicDamage("t", LimitedLog())
    damage.note(3, 17, "a wrong checksum", 100.0)
    assert damage.forget(3)
    assert list(damage.due(1000.0)) == []
    assert not damage.forget(3)


def test_damage_lasts_once_it_was_tried_again() -> None:
    """A record that is read in between shows that what was damaged then is whole."""
    damage = TopicDamage("t", LimitedLog())
    damage.note(3, 17, "a wrong checksum", 100.0)
    assert damage.lasting(3) is None
    assert list(damage.due(100.0 + RETRY_SECONDS)) == [(3, 17)]
    damage.healed(3)
    damage.note(3, 19, "a wrong checksum", 200.0)
    assert damage.lasting(3) is None
    assert list(damage.due(200.0 + RETRY_SECONDS)) == [(3, 19)]
    assert damage.lasting(3) is None
    damage.note(3, 19, "a wrong checksum", 300.0)
    assert "the records from offset 19 on are damaged" in (damage.lasting(3) or "")
    assert damage.lasting(4) is None


@pytest.mark.parametrize(("code", "is_said"), [(KafkaError._BAD_COMPRESSION, True), (KafkaError._BAD_MSG, False)])
def test_a_batch_that_cannot_be_unpacked_may_be_too_large_and_it_says_what_to_raise(
    code: int, *, is_said: bool
) -> None:
    damage = TopicDamage("t", LimitedLog())
    damage.note(0, 5, "it cannot be unpacked", 1.0, code)
    assert ("set a larger receive.message.max.bytes in [source.properties]" in damage.reasons[0]) is is_said
    assert "remove them with kafka-delete-records" in damage.reasons[0]
