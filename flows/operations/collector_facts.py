"""Collector facts: what a collector takes in, and what is wrong with it, in sentences. Pure: out of its status."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flows.domain.duration import duration
from flows.operations.monitor import SliceAnswer


class CollectorFacts(NamedTuple):
    """What to know of a collector."""

    troubles: tuple[str, ...]
    """Each a sentence."""
    taken: str
    """How much it has taken in, and what waits; empty where it did not answer."""
    copies: str = ""
    """How much of it goes on to Amplitude as well; empty where nothing does."""
    loses_copies: bool = False
    """Amplitude does not take them, or some are lost."""
    has_no_stream: bool = False
    """No sync is enabled, and so no stream runs beside it: that none answers is no trouble."""


def collector_facts(answer: SliceAnswer, now_ms: int) -> CollectorFacts:
    """Return them; `now_ms` is the time, in ms since the epoch."""
    status = answer.status
    if status is None:
        return CollectorFacts((f"{answer.url}: {answer.why}",), "")
    stream, tee = status.get("stream"), status.get("tee")
    lost = 0 if tee is None else sum(tee["dropped_events"].values()) + sum(tee["given_up_events"].values())
    return CollectorFacts(
        tuple(_troubles(status)),
        _taken(status, now_ms),
        copies="" if tee is None else _copies(tee, lost),
        loses_copies=tee is not None and (lost > 0 or tee["trouble"] is not None),
        has_no_stream=stream is not None and not (stream["is_running"] or stream["is_missing"]),
    )


def _troubles(status: Mapping[str, Any]) -> Iterator[str]:
    for why in status["why_not_ready"]:
        yield f"not ready: {why}"
    if (stream := status.get("stream")) is not None and stream["is_missing"] and stream["last_words"]:
        yield f"the last words of the stream: {stream['last_words'][-1]}"
    for api_key, requests in status["unknown_api_keys"].items():
        yield f"events are refused and lost: {requests:,} requests with the unknown API key {api_key}"


def _taken(status: Mapping[str, Any], now_ms: int) -> str:
    events = sum(status["events_by_library"].values())
    taken = f"{events:,} events taken in, {sum(status['invalid_events'].values()):,} of them invalid"
    taken += f"; {status['throttled_events']:,} throttled"
    if (waiting := status.get("waiting")) is not None:
        taken += f"; {waiting['events']:,} wait"
        if (since_ms := waiting["oldest_received_ms"]) is not None:
            taken += f", the oldest for {duration(max(now_ms - since_ms, 0) / 1000)}"
        taken += f"; the inbox has {waiting['size_bytes'] / 1e6:,.1f} MB"
    return taken


def _copies(tee: Mapping[str, Any], lost: int) -> str:
    said = f"{tee['forwarded_events']:,} events copied to Amplitude; {tee['waiting_requests']:,} requests wait"
    said += f"; {lost:,} events lost to it" if lost else ""
    return said + (f"; it does not take them: {tee['trouble']}" if tee["trouble"] is not None else "")
