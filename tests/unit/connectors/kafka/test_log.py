"""librdkafka's log lines: one of a class at a time, counted meanwhile, without secrets."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from connectors.kafka.log import librdkafka_logger
from connectors.kafka.properties import scrubber
from connectors.limited_log import LimitedLog


class Clock:
    """Goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with capture_logs() as caught:
        yield caught


def test_a_message_of_one_class_is_written_once_in_ten_seconds_and_counted_meanwhile(
    clock: Clock, lines: list[Any]
) -> None:
    log = LimitedLog(10, clock)
    for _ in range(5):
        log.say(logging.WARNING, "down", broker=1)
    clock.now += 9.9
    log.say(logging.WARNING, "down", broker=1)
    assert lines == [{"event": "down", "log_level": "warning", "broker": 1}]
    clock.now += 0.1
    log.say(logging.WARNING, "down", broker=2)
    assert lines[1:] == [{"event": "down", "log_level": "warning", "broker": 2, "suppressed": 5}]
    clock.now += 10
    log.say(logging.WARNING, "down", broker=3)
    assert "suppressed" not in lines[2]


def test_classes_do_not_silence_each_other(clock: Clock, lines: list[Any]) -> None:
    log = LimitedLog(10, clock)
    log.say(logging.INFO, "one")
    log.say(logging.INFO, "two")
    log.say(logging.INFO, "one", message_class="another")
    assert [each["event"] for each in lines] == ["one", "two", "one"]


def test_librdkafkas_facility_is_the_class_and_its_level_is_kept(clock: Clock, lines: list[Any]) -> None:
    logger = librdkafka_logger(LimitedLog(10, clock), lambda text: text)
    for number in range(3):
        logger.log(logging.ERROR, "%s [%s] %s", "FAIL", "client#1", f"broker {number}")
    logger.log(logging.WARNING, "%s [%s] %s", "THROTTLE", "client#1", "slow")
    logger.debug("%s [%s] %s", "FETCH", "client#1", "noise")
    assert [(each["facility"], each["text"], each["log_level"]) for each in lines] == [
        ("FAIL", "broker 0", "error"),
        ("THROTTLE", "slow", "warning"),
    ]


def test_a_secret_in_a_line_is_blackened(clock: Clock, lines: list[Any]) -> None:
    scrub = scrubber((("sasl.password", "hunter2"), ("sasl.username", "user")))
    librdkafka_logger(LimitedLog(10, clock), scrub).error("%s [%s] %s", "SASL", "c", "user:hunter2 refused")
    assert lines[0]["text"] == "user:*** refused"


def test_nothing_reaches_the_root_logger(clock: Clock, lines: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    librdkafka_logger(LimitedLog(10, clock), lambda text: text).error("%s [%s] %s", "FAIL", "c", "x")
    assert len(lines) == 1
    assert caplog.records == []
