"""What a first start will send: how many events, and how old they are."""

from datetime import UTC, datetime

from connectors.kafka.probe import Backlog
from connectors.kafka.settings import KafkaSource
from flows.operations.check.finding import Finding, Mark, count
from flows.operations.check.sample_type import Sample


def of_topic(source: KafkaSource, backlog: Backlog, sample: Sample) -> Finding | None:
    """Return what the first start of the group will read; None of an empty topic."""
    if not backlog.messages:
        return None
    per_message = len(sample.events) / len(sample.records) if sample.records else 1.0
    if backlog.committed is not None:
        left = _about(backlog.committed * per_message)
        return Finding(Mark.FINE, f"group {source.group_id} has begun: a start goes on, with {left} ahead of it")
    events = _about(backlog.messages * per_message)
    oldest = "" if backlog.oldest_ms is None else f", the oldest of {_date(backlog.oldest_ms)}"
    if source.start == "latest":
        text = f'start = "latest": a first start sends what arrives from then on, and leaves {events} in the topic'
        return Finding(Mark.FINE, f"{text}{oldest}")
    do = 'write start = "latest" to begin with what arrives from now on; AppsFlyer dates old events by their arrival'
    return Finding(Mark.NOTE, f'start = "earliest": a first start reads {events}{oldest}', do)


def of_archives(sample: Sample, lines: int) -> Finding:
    """Return what the first start will read of archives with so many lines, as far as a sample tells."""
    events = lines * len(sample.events) / len(sample.records)
    oldest = _date(min(event.time_ms for event in sample.events))
    return Finding(Mark.FINE, f"a first start reads {_about(events)}, the oldest of {oldest}")


def _about(events: float) -> str:
    return f"about {count(round(events), 'event')}"


def _date(time_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "an impossible date"
