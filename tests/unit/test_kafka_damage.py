"""Damaged partitions: each is let go of once, and tried again only as long as it is read at all."""

from connectors.kafka.damage import RETRY_SECONDS, Damage
from connectors.limited_log import LimitedLog


def test_a_damaged_partition_is_tried_again_in_its_time() -> None:
    damage = Damage("t", LimitedLog())
    damage.note(3, 17, "a wrong checksum", 100.0)
    assert 3 in damage
    assert list(damage.due(100.0 + RETRY_SECONDS - 1)) == []
    assert list(damage.due(100.0 + RETRY_SECONDS)) == [(3, 17)]
    assert 3 not in damage


def test_one_that_ends_is_not_tried_again() -> None:
    """Else it would be fetched once more, and its records would take the room of the other partitions."""
    damage = Damage("t", LimitedLog())
    damage.note(3, 17, "a wrong checksum", 100.0)
    assert damage.forget(3)
    assert list(damage.due(1000.0)) == []
    assert not damage.forget(3)
