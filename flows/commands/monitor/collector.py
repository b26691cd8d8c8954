"""What a collector takes in, in a few lines for people."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from connectors.clock import now_ms
from flows.commands.monitor.lines import Lines
from flows.domain.duration import duration
from flows.operations.monitor import SliceAnswer, printable


def collector_lines(answer: SliceAnswer) -> Lines:
    """Return what it has taken in and what waits; before that, what is wrong with it."""
    if answer.status is None:
        return Lines([("collector", Text(printable(f"{answer.url}: {answer.why}"), "yellow"))])
    return Lines([("collector", each) for each in _said(answer.status)])


def _said(status: dict[str, Any]) -> Iterator[Text]:
    for why in status["why_not_ready"]:
        yield Text(printable(f"not ready: {why}"), "bold red")
    for api_key, requests in status["unknown_api_keys"].items():
        lost = f"events are refused and lost: {requests:,} requests with the unknown API key {api_key}"
        yield Text(printable(lost), "bold red")
    events = sum(status["events_by_library"].values())
    taken = f"{events:,} events taken in, {sum(status['invalid_events'].values()):,} of them invalid"
    taken += f"; {status['throttled_events']:,} throttled"
    if (waiting := status.get("waiting")) is not None:
        taken += f"; {waiting['events']:,} wait"
        if (since_ms := waiting["oldest_received_ms"]) is not None:
            taken += f", the oldest for {duration(max(now_ms() - since_ms, 0) / 1000)}"
        taken += f"; the inbox has {waiting['size_bytes'] / 1e6:,.1f} MB"
    yield Text(printable(taken))
    if (tee := status.get("tee")) is not None:
        yield _copies(tee)


def _copies(tee: dict[str, Any]) -> Text:
    lost = sum(tee["dropped_events"].values()) + sum(tee["given_up_events"].values())
    said = f"{tee['forwarded_events']:,} events copied to Amplitude; {tee['waiting_requests']:,} requests wait"
    said += f"; {lost:,} events lost to it" if lost else ""
    said += f"; it does not take them: {tee['trouble']}" if tee["trouble"] is not None else ""
    return Text(printable(said), "yellow" if lost or tee["trouble"] is not None else "")
