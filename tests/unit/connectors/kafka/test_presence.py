"""Whether Kafka answers, and whether its topic is still the one that was found at the start."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.kafka.errors import OtherTopicError
from connectors.kafka.presence import SILENCE_SECONDS, Presence
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.shutdown import Shutdown


class FakeWatch:
    """Knows of the topic what it is told to."""

    def __init__(self) -> None:
        self.is_another = False
        self.failed_since: float | None = None
        self.is_same = False
        self.answers = False
        self.hurries: list[bool] = []

    def confirms(self, _since: float, _now: float) -> bool:
        """Whether it was the same topic since then."""
        return self.is_same

    def look(self, _now: float, *, hurry: bool) -> bool:
        """Whether the cluster answered just now."""
        self.hurries.append(hurry)
        return self.answers


class Seen:
    """A topic's presence, with what is around it."""

    def __init__(self, *, restarts: bool = True) -> None:
        self.watch = FakeWatch()
        self.shutdown = Shutdown()
        watch: Any = self.watch
        settings = KafkaSource("k:9092", "t", "g")
        self.presence = Presence(settings, watch, self.shutdown, LimitedLog(0.0), restarts=restarts)
        self.presence.came(1e9)  # a clock of its own, from here on
        self.presence.unconfirmed_since = None


NOW = 1e9


def test_what_comes_after_a_silence_waits_until_the_topic_is_known_to_be_the_same() -> None:
    seen = Seen()
    seen.presence.came(NOW + SILENCE_SECONDS / 2)
    assert seen.presence.unconfirmed_since is None
    seen.presence.came(NOW + 2 * SILENCE_SECONDS)
    assert seen.presence.unconfirmed_since == NOW + 2 * SILENCE_SECONDS
    seen.presence.confirm(NOW + 1)
    assert seen.presence.unconfirmed_since is not None
    seen.watch.is_same = True
    seen.presence.confirm(NOW + 2)
    assert seen.presence.unconfirmed_since is None


def test_who_waits_and_gets_no_answer_has_lost_kafka() -> None:
    """Who has all that fits fetches no more, and librdkafka tells him nothing."""
    seen = Seen()
    seen.presence.doubt(NOW)
    seen.watch.failed_since = NOW - 1  # of an earlier question
    seen.presence.confirm(NOW + 1)
    assert not seen.presence.is_lost
    seen.watch.failed_since = NOW + 1
    seen.presence.confirm(NOW + 2)
    assert seen.presence.is_lost


def test_it_says_how_long_kafka_is_away_asks_more_often_and_says_that_it_is_back() -> None:
    seen = Seen()
    with capture_logs() as lines:
        seen.presence.look(NOW)
        seen.presence.lose(NOW)
        seen.presence.lose(NOW + 5)
        seen.presence.look(NOW + 7)
        seen.watch.answers = True
        seen.presence.look(NOW + 8)
        seen.presence.look(NOW + 9)
    assert [(each["event"], each.get("lost_seconds")) for each in lines] == [
        ("waiting for kafka", 7),
        ("kafka is back", None),
    ]
    assert seen.watch.hurries == [False, True, True, False]


def test_of_a_topic_that_was_made_again_nothing_is_handed_out_and_the_process_restarts() -> None:
    seen = Seen()
    seen.watch.is_another = True
    with capture_logs() as lines:
        seen.presence.look(NOW + 1)
        seen.presence.look(NOW + 2)
    assert [each["log_level"] for each in lines] == ["error"]
    assert seen.presence.unconfirmed_since == NOW + 1
    assert seen.shutdown.requested
    assert seen.shutdown.restart


def test_where_its_id_is_not_kept_a_topic_that_was_made_again_ends_the_process() -> None:
    seen = Seen(restarts=False)
    seen.watch.is_another = True
    with pytest.raises(OtherTopicError, match="'t' was deleted and made again"):
        seen.presence.look(NOW + 1)
    assert not seen.shutdown.requested
