"""Whether events are taken in: read off a collector's counts, and off the writer that stores them."""

from collections import Counter
from typing import Final

from connectors.clock import now_ms
from connectors.collector.normal import InvalidReason
from connectors.collector.upload import RefusalReason
from connectors.event_writer import Waiting
from connectors.tee.counts import DropReason, GivenUpReason, TeeCounts
from flows.observe.collector_view import CollectorView
from flows.observe.metrics import collector_vocabulary as v
from flows.observe.metrics import tee_vocabulary as t
from flows.observe.metrics.readings import Readings

_JSON_PATHS: Final = ("/2/httpapi", "/batch")


def read_collector(to: Readings, view: CollectorView) -> None:
    """Put what was asked for, taken and refused, and whether it goes on."""
    counts = view.counts
    answers = Counter({(path, 200): 0 for path in _JSON_PATHS})
    answers.update(counts.answers.copy())
    for (path, status), requests in answers.items():
        to.put(v.REQUESTS, requests, path, str(status))
    for library, events in counts.events.copy().items():
        to.put(v.EVENTS, events, library)
    invalid, refused = counts.invalid.copy(), counts.refused.copy()
    for reason in InvalidReason:
        to.put(v.INVALID_EVENTS, invalid[reason], reason.value)
    for why in RefusalReason:
        to.put(v.REFUSED_REQUESTS, refused[why], why.value)
    for api_key, requests in counts.unknown_api_keys.copy().items():
        to.put(v.UNKNOWN_API_KEYS, requests, api_key)
    to.put(v.THROTTLED_EVENTS, counts.throttled_events)
    to.put_histogram(v.DURABLE_SECONDS, counts.durable)
    to.put(v.IN_FLIGHT, counts.in_flight)
    to.put(v.BLOCKED, view.blocked is not None)
    if (child := view.child) is not None and child.starts:
        if child.is_running or child.is_missing:
            to.put(v.STREAM_RUNNING, child.is_running)
        to.put(v.STREAM_STARTS, child.starts)
    if (waiting := view.waiting) is not None:
        _put_waiting(to, waiting)
    if (tee := view.tee_counts) is not None:
        _put_tee(to, tee)


def _put_waiting(to: Readings, waiting: Waiting) -> None:
    to.put(v.WAITING_EVENTS, waiting.events)
    to.put(v.OLDEST_WAITING, _seconds_since(waiting.oldest_received_ms))
    to.put(v.INBOX_BYTES, waiting.size_bytes)


def _put_tee(to: Readings, tee: TeeCounts) -> None:
    to.put(t.FORWARDED, tee.forwarded_events)
    given_up, dropped = tee.given_up.copy(), tee.dropped.copy()
    for why in GivenUpReason:
        to.put(t.GIVEN_UP, given_up[why], why.value)
    for reason in DropReason:
        to.put(t.DROPPED, dropped[reason], reason.value)
    to.put(t.WAITING, tee.waiting_requests)
    to.put(t.BYTES, tee.waiting_bytes)
    to.put(t.OLDEST, _seconds_since(tee.oldest_received_ms))


def _seconds_since(when_ms: int | None) -> float:
    return 0.0 if when_ms is None else max(now_ms() - when_ms, 0) / 1000
