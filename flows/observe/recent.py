"""The last ten minutes: what was read, and what became of it. Totals alone would hide that something has just begun."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from connectors.delivery.stats import AGE_BOUNDS, FIRST, RETRY
from flows.observe.parts import App, Parts

WINDOW_SECONDS: Final = 600.0
LOOK_SECONDS: Final = 15.0
"""How often the counts are to be noted, and so how exact the window is."""


class _Look(NamedTuple):
    at: float
    counts: dict[tuple[str, ...], int]
    ages: dict[str, list[int]]
    """Lane → how many deliveries took how long, by bucket."""


class Recent:
    """Notes the counts each time that it is told to; not thread-safe."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with the counts of now."""
        self._parts = parts
        self._clock = clock
        self._looks: deque[_Look] = deque()
        self.look()

    def look(self) -> None:
        """Note the counts, and forget those that are older than the window."""
        now = self._clock()
        self._looks.append(_Look(now, _counts(self._parts), _ages(self._parts)))
        while len(self._looks) > 1 and self._looks[1].at <= now - WINDOW_SECONDS:
            self._looks.popleft()

    def ages(self, app: App) -> dict[str, Any]:
        """Return how long an app's deliveries of the window took, from the event's arrival: counts by upper bounds."""
        counts = self._parts.answers(app).age_seconds.counts
        before = self._looks[0].ages.get(app.lane, [0] * len(counts))
        grown = [now - then for now, then in zip(counts, before, strict=True)]
        return {"bounds": list(AGE_BOUNDS), "counts": grown}

    def as_json(self) -> dict[str, Any]:
        """Return what was counted since the window began, or since the start if that is later."""
        before = self._looks[0]
        grown = {key: count - before.counts.get(key, 0) for key, count in _counts(self._parts).items()}
        syncs: dict[str, dict[str, Any]] = {
            names[0]: {
                "delivered": count,
                "answered": {attempt: grown["answered", names[0], attempt] for attempt in (FIRST, RETRY)},
                "dead_lettered": {},
            }
            for (kind, *names), count in grown.items()
            if kind == "delivered"
        }
        refused = {}
        for (kind, *names), count in grown.items():
            if kind == "refused" and count:
                refused[names[0]] = count
            elif kind == "dead_lettered" and count:
                syncs[names[0]]["dead_lettered"][names[1]] = count
        return {
            "seconds": round(self._clock() - before.at, 1),
            "read": grown["read",],
            "refused": refused,
            "damaged": grown["damaged",],
            "syncs": syncs,
        }


def _counts(parts: Parts) -> dict[tuple[str, ...], int]:
    ledger = parts.ledger
    counts: dict[tuple[str, ...], int] = {("read",): ledger.read, ("damaged",): len(parts.damages)}
    for reason, count in ledger.refused.copy().items():
        counts["refused", reason.value] = count
    for name, of_sync in zip(ledger.sync_names, ledger.syncs, strict=False):
        counts["delivered", name] = of_sync.delivered
        for reason, count in of_sync.dead_lettered.copy().items():
            counts["dead_lettered", name, reason.value] = count
        answers = [parts.answers(app) for app in parts.apps() if app.sync == name]
        counts["answered", name, FIRST] = sum(each.delivered_first for each in answers)
        counts["answered", name, RETRY] = sum(each.delivered_later for each in answers)
    return counts


def _ages(parts: Parts) -> dict[str, list[int]]:
    return {lane: tally.age_seconds.counts.copy() for lane, tally in parts.tally.lanes.copy().items()}
