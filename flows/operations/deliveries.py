"""Deliveries: how each sync and app fares over all slices, why, and where its events went. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.observe.verdict import judge_slice
from flows.operations.collector_facts import CollectorFacts
from flows.operations.delivery_figures import DeliveryFigures, figures_of
from flows.operations.delivery_state import DeliveryState, Judged, judge_app, judge_sync
from flows.operations.monitor import SliceAnswer
from flows.operations.totals import rate, together


@dataclass(frozen=True, slots=True)
class AppDeliveries:
    """One app of a sync, over all slices."""

    platform: str
    app_id: str
    judged: Judged
    first: int
    """How many events AppsFlyer accepted at the first attempt since the slices' starts."""
    retry: int
    in_flight: int
    waiting: int
    set_aside: int
    last_answer: Mapping[str, Any] | None
    """`status`, `class`, `meaning` and `at` (ISO 8601), as /status has them; None before the first."""


@dataclass(frozen=True, slots=True)
class SyncDeliveries:
    """One sync, over all slices. Of a sync that is not enabled, only the name and how it fares are known."""

    name: str
    judged: Judged
    apps: tuple[AppDeliveries, ...] = ()
    per_second: float | None = None
    """Deliveries per second of the last seconds; None until two answers tell it."""
    oldest_waiting_seconds: float = 0.0
    figures: DeliveryFigures | None = None
    """Amplitude's figures of the last minutes; None where the slices are of a version that does not count them."""
    copies: int = 0
    delivered: int = 0
    duplicate: int = 0
    filtered: Mapping[str, int] | None = None
    dead_lettered: Mapping[str, int] | None = None
    pending: int = 0


@dataclass(frozen=True, slots=True)
class SliceDeliveries:
    """One slice: how it fares as a whole."""

    url: str
    label: str
    """Such as `0/2`; empty where it did not answer."""
    state: str
    """A `SliceState`, or `no answer`."""
    reasons: tuple[str, ...]
    read_per_second: float | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Everything that the page of deliveries shows."""

    slices: tuple[SliceDeliveries, ...]
    syncs: tuple[SyncDeliveries, ...]
    read: int
    refused: Mapping[str, int]
    collector: CollectorFacts | None = None
    """None where there is no collector to be asked."""

    @property
    def missing(self) -> int:
        """How many slices did not answer: the sums are without them."""
        return sum(not each.label for each in self.slices)


def deliveries(
    answers: Sequence[SliceAnswer], before: Mapping[str, SliceAnswer], collector: CollectorFacts | None = None
) -> Deliveries:
    """Return how everything fares; `before` are earlier answers by address, for the rates."""
    statuses = [each.status for each in answers if each.status is not None]
    total = together(statuses)
    return Deliveries(
        slices=tuple(_slice(each, before.get(each.url)) for each in answers),
        syncs=tuple(_sync(each, answers, before, statuses) for each in total["syncs"]),
        read=total["read"],
        refused=total["refused"],
        collector=collector,
    )


def _slice(answer: SliceAnswer, before: SliceAnswer | None) -> SliceDeliveries:
    status = answer.status
    if status is None:
        return SliceDeliveries(answer.url, "", DeliveryState.NO_ANSWER.value, (answer.why,), None)
    verdict, place = judge_slice(status), status["slice"]
    per_second = None if before is None else rate(answer, before, lambda each: int(each["read"]))
    return SliceDeliveries(
        answer.url, f"{place['index']}/{place['count']}", verdict.state.value, verdict.reasons, per_second
    )


def _sync(
    total: Mapping[str, Any],
    answers: Sequence[SliceAnswer],
    before: Mapping[str, SliceAnswer],
    statuses: Sequence[dict[str, Any]],
) -> SyncDeliveries:
    name = total["name"]
    if not total["enabled"]:
        return SyncDeliveries(name, judge_sync(name, statuses))
    rates = [
        rate(each, before[each.url], lambda status: _delivered(status, name)) for each in answers if each.url in before
    ]
    return SyncDeliveries(
        name=name,
        judged=judge_sync(name, statuses),
        apps=tuple(_app(name, each, statuses) for each in total["apps"]),
        per_second=sum(rates) if rates else None,
        oldest_waiting_seconds=total.get("oldest_waiting_seconds", 0.0),
        figures=figures_of(name, statuses),
        copies=total.get("copies", 0),
        delivered=total["delivered"],
        duplicate=total["duplicate"],
        filtered=total["filtered"],
        dead_lettered=total["dead_lettered"],
        pending=total["pending"],
    )


def _delivered(status: Mapping[str, Any], name: str) -> int:
    return sum(sync["delivered"] for sync in status["syncs"] if sync["enabled"] and sync["name"] == name)


def _app(name: str, total: Mapping[str, Any], statuses: Sequence[dict[str, Any]]) -> AppDeliveries:
    return AppDeliveries(
        platform=total["platform"],
        app_id=total["app_id"],
        judged=judge_app(name, total["app_id"], statuses),
        first=total["delivered"]["first"],
        retry=total["delivered"]["retry"],
        in_flight=total["in_flight"],
        waiting=total["waiting"],
        set_aside=total["set_aside"],
        last_answer=total["last_answer"],
    )
