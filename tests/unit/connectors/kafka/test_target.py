"""What a target topic would not keep as it is: said before anything is written, or refused."""

import pytest

from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.target import notes

USUAL = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "CreateTime",
    "retention.ms": "604800000",
    "max.message.bytes": "1048588",
}


def test_topics_alike_need_no_word() -> None:
    assert notes(USUAL, USUAL) == []
    assert notes(USUAL, USUAL | {"retention.ms": "-1", "max.message.bytes": "2000000"}) == []


@pytest.mark.parametrize("policy", ["compact", "compact,delete", "delete,compact"])
def test_a_compacted_target_is_refused(policy: str) -> None:
    """It would keep the last event of each user."""
    with pytest.raises(KafkaSetupError, match=r"Set its cleanup\.policy to delete"):
        notes(USUAL, USUAL | {"cleanup.policy": policy})
    assert notes(USUAL | {"cleanup.policy": policy}, USUAL) == []


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ({}, {"message.timestamp.type": "LogAppendTime"}, "times of arrival are lost"),
        ({}, {"retention.ms": "604799999"}, "retention.ms is shorter"),
        ({"retention.ms": "-1"}, {}, "retention.ms is shorter"),
        ({}, {"max.message.bytes": "1048587"}, "max.message.bytes is lower"),
    ],
)
def test_what_it_does_not_keep_is_said(source: dict[str, str], target: dict[str, str], said: str) -> None:
    (note,) = notes(USUAL | source, USUAL | target)
    assert said in note
