"""A message that repeats itself is counted, and the count comes to light even where nothing follows."""

import logging

from structlog.testing import capture_logs

from connectors.limited_log import LimitedLog, write_counts


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_count_goes_out_with_the_next_of_its_class() -> None:
    clock = Clock()
    with capture_logs() as logs:
        log = LimitedLog(10, clock)
        for _ in range(4):
            log.say(logging.ERROR, "failed", lane="a")
        clock.now = 10.0
        log.say(logging.ERROR, "failed", lane="b")
    assert [each.get("suppressed") for each in logs] == [None, 3]


def test_a_count_that_nothing_follows_is_written_when_its_time_is_over() -> None:
    clock = Clock()
    with capture_logs() as logs:
        log = LimitedLog(10, clock)
        for _ in range(4):
            log.say(logging.ERROR, "failed", message_class="x")
        write_counts()
        assert [each["event"] for each in logs if each["event"] == "failed"] == ["failed"]
        clock.now = 10.0
        write_counts()
        write_counts()
        log.say(logging.ERROR, "failed", message_class="x")  # counted: its class was written just now
    assert [
        (each["event"], each["log_level"], each.get("suppressed")) for each in logs if each["event"] == "failed"
    ] == [
        ("failed", "error", None),
        ("failed", "error", 3),
    ]
