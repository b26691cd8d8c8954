"""Who outgrows one machine: the same state goes on with Kafka, where its collectors write to from then on."""

import pytest

from tests.fixtures.serving import Serving

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

STATE = {"directory": "state", "epoch_seconds": 1}


def test_what_was_known_with_an_inbox_is_known_with_kafka(serving: Serving, kafka: str, topic: str) -> None:
    """An event that a client sends once more after the change is recognised, and the others go on."""
    serving.configure(state=STATE)
    run = serving.start()
    for number in (1, 2):
        serving.post_order(number)
    serving.wait_until(lambda: sorted(serving.delivered()) == [1, 2])
    assert run.stop() == 0
    source = {"kind": "kafka", "bootstrap_servers": kafka, "topic": topic, "group_id": f"{topic}-group"}
    serving.configure(source=source, state=STATE)
    collect = serving.start("collect")
    for number in (2, 3):
        serving.post_order(number)
    stream = serving.stream.start("-m", "flows", "run")
    serving.wait_until(lambda: 3 in serving.delivered())
    assert stream.stop() == collect.stop() == 0
    assert stream.summary["read"] == 2
    assert stream.summary["syncs"]["production"]["duplicate"] == 1
    assert sorted(serving.delivered()) == [1, 2, 3]
