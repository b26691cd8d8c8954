"""Latency: how long the deliveries to each app took lately, over all slices, out of what their statuses say."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows.domain.quantile import quantile

_P95: Final = 0.95


def p95_seconds(statuses: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Return (sync, app id) → the p95 of the seconds from arrival to delivery, of the last ten minutes.

    Quantiles do not add up; the counts behind them do. An app without a delivery in that time is left out.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    bounds: Sequence[float] = ()
    for status in statuses:
        for sync in status["syncs"]:
            for app in sync["apps"] if sync["enabled"] else ():
                if (ages := app.get("recent_age_seconds")) is not None:
                    key = (sync["name"], app["app_id"])
                    bounds = ages["bounds"]
                    mine = counts.get(key) or [0] * len(ages["counts"])
                    counts[key] = [each + more for each, more in zip(mine, ages["counts"], strict=False)]
    found = {key: quantile(bounds, each, _P95) for key, each in counts.items()}
    return {key: seconds for key, seconds in found.items() if seconds is not None}
