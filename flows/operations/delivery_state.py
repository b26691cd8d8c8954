"""Delivery state: how a sync, or one of its apps, fares over all slices, in a word and a reason. Pure.

The rules are those of the slices' own verdicts: `flows/observe/verdict.py`, and the circuits in /status.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from connectors.appsflyer.answers import Verdict
from connectors.delivery.breaker import Circuit
from flows.domain.duration import duration
from flows.observe.verdict import SliceState, judge_slice, losses_of

_LAG_SECONDS: Final = 300.0
"""As the alert StreamLagGrowing has it."""


class DeliveryState(StrEnum):
    """How a sync or an app fares, the worst first."""

    NO_ANSWER = "no answer"
    STUCK = "stuck"
    KEY_REFUSED = "key refused"
    """AppsFlyer refuses the key, the app id or the plan."""
    KEY_MISSING = "no key"
    """The key cannot be read."""
    INTERCEPTED = "intercepted"
    """Something on the way answers in AppsFlyer's place."""
    HELD_UP = "held up"
    CIRCUIT_OPEN = "circuit open"
    """Nothing gets through; it is tried again by itself."""
    STOPPING = "stopping"
    STARTING = "starting"
    NOT_READY = "not ready"
    DEGRADED = "degraded"
    """Events become dead letters that should not."""
    LAGGING = "lagging"
    PAUSED = "paused by you"
    RUNNING = "running"
    DISABLED = "disabled"


class Judged(NamedTuple):
    """The word, and what to know and to do beside it."""

    state: DeliveryState
    reason: str = ""
    """In one sentence; empty where all is well."""


_RANK: Final = {state: rank for rank, state in enumerate(DeliveryState)}
_OF_SLICE: Final = {
    SliceState.STUCK: DeliveryState.STUCK,
    SliceState.HELD_UP: DeliveryState.HELD_UP,
    SliceState.STOPPING: DeliveryState.STOPPING,
    SliceState.STARTING: DeliveryState.STARTING,
    SliceState.NOT_READY: DeliveryState.NOT_READY,
}
"""What concerns every sync of a slice, whose own apps are well."""
_OFF: Final = Judged(DeliveryState.DISABLED, "It is not enabled: nothing is kept for it and nothing is sent.")


def judge_sync(name: str, statuses: Sequence[Mapping[str, Any]]) -> Judged:
    """Return the worst of what holds for a sync, in any slice."""
    return _worst(each for status in statuses for each in _of_sync(name, status))


def judge_app(name: str, app_id: str, statuses: Sequence[Mapping[str, Any]]) -> Judged:
    """Return the worst of what holds for an app of a sync, in any slice."""
    return _worst(
        _of_app(app)
        for status in statuses
        for sync in status["syncs"]
        if sync["name"] == name and sync["enabled"]
        for app in sync["apps"]
        if app["app_id"] == app_id
    )


def _worst(judged: Iterator[Judged]) -> Judged:
    return min(judged, key=lambda each: _RANK[each.state], default=_OFF)


def _of_sync(name: str, status: Mapping[str, Any]) -> Iterator[Judged]:
    found = [sync for sync in status["syncs"] if sync["name"] == name and sync["enabled"]]
    if not found:
        return
    apps = [_of_app(app) for sync in found for app in sync["apps"]]
    yield from apps
    verdict = judge_slice(status)
    state = _OF_SLICE.get(verdict.state)
    if state is not None and all(each.state is DeliveryState.RUNNING for each in apps):
        yield Judged(state, verdict.reasons[0] if verdict.reasons else "")
    for loss in losses_of(status, name):
        yield Judged(DeliveryState.DEGRADED, loss)
    lag = status["source"]["lag"]
    if lag is not None and lag["seconds"] > _LAG_SECONDS:
        yield Judged(
            DeliveryState.LAGGING,
            f"{lag['events']:,} records wait to be read, the oldest for {duration(lag['seconds'])}; "
            "docs/runbook.md says what to look at, under StreamLagGrowing",
        )
    if not apps:
        yield Judged(DeliveryState.RUNNING)


def _of_app(app: Mapping[str, Any]) -> Judged:
    reason = app.get("trouble") or ""
    match app["circuit"]:
        case Circuit.CLOSED.value:
            return Judged(DeliveryState.RUNNING)
        case Circuit.PAUSED_BY_SETTINGS.value:
            return Judged(DeliveryState.PAUSED, reason)
        case Circuit.PAUSED.value:
            return Judged(_paused(app["last_answer"]), reason)
    return Judged(DeliveryState.CIRCUIT_OPEN, reason)


def _paused(last_answer: Mapping[str, Any] | None) -> DeliveryState:
    if last_answer is None:
        return DeliveryState.KEY_MISSING
    is_intercepted = last_answer["class"] == Verdict.INTERCEPTED.value
    return DeliveryState.INTERCEPTED if is_intercepted else DeliveryState.KEY_REFUSED
