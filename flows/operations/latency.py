"""Latency: how long deliveries took lately, over all slices, out of what their statuses say."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from flows.domain.quantile import quantile

_P95: Final = 0.95


class _Ages(NamedTuple):
    bounds: Sequence[float]
    counts: Sequence[int]


def p95_seconds(statuses: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Return (sync, app id) → the p95 of the seconds from arrival to delivery, of the last ten minutes.

    Quantiles do not add up; the counts behind them do. An app without a delivery in that time is left out.
    """
    found = {key: quantile(*ages, _P95) for key, ages in _by_app(statuses).items()}
    return {key: seconds for key, seconds in found.items() if seconds is not None}


def p95_seconds_of_sync(name: str, statuses: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the same of all apps of a sync together; None where nothing was delivered in that time."""
    ages = [each for (sync, _), each in _by_app(statuses).items() if sync == name]
    counts = [sum(column) for column in zip(*(each.counts for each in ages), strict=False)]
    return quantile(ages[0].bounds, counts, _P95) if ages else None


def _by_app(statuses: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], _Ages]:
    found: dict[tuple[str, str], _Ages] = {}
    for status in statuses:
        for sync in status["syncs"]:
            for app in sync["apps"] if sync["enabled"] else ():
                if (ages := app.get("recent_age_seconds")) is not None:
                    key = (sync["name"], app["app_id"])
                    mine = found[key].counts if key in found else [0] * len(ages["counts"])
                    counts = [each + more for each, more in zip(mine, ages["counts"], strict=False)]
                    found[key] = _Ages(ages["bounds"], counts)
    return found
