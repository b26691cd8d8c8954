"""Totals: what the answers of several slices say together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flows.operations.monitor import SliceAnswer


def delivered(status: dict[str, Any]) -> int:
    """Return how many entries a slice has delivered, for all its syncs."""
    return sum(sync["delivered"] for sync in status["syncs"] if sync["enabled"])


def rate(answer: SliceAnswer, before: SliceAnswer | None, count: Callable[[dict[str, Any]], int]) -> float:
    """Return by how much a count of a slice grew per second between two answers; 0 where that is not known."""
    if before is None or before.status is None or answer.status is None or answer.at <= before.at:
        return 0.0
    # It began anew in between.
    change = count(answer.status) - (
        count(before.status) if before.status["started"] == answer.status["started"] else 0
    )
    return float(max(change, 0) / (answer.at - before.at))


def together(statuses: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all slices, in the shape of one status as far as tables need it."""
    syncs: dict[str, dict[str, Any]] = {}
    for status in statuses:
        for sync in status["syncs"]:
            syncs[sync["name"]] = _sum_sync(syncs.get(sync["name"]), sync)
    refused: dict[str, int] = {}
    for status in statuses:
        _add(refused, status["refused"])
    return {"read": sum(status["read"] for status in statuses), "refused": refused, "syncs": list(syncs.values())}


def _sum_sync(total: dict[str, Any] | None, sync: dict[str, Any]) -> dict[str, Any]:
    if total is None or not total["enabled"]:
        return {**sync, "filtered": {**sync.get("filtered", {})}, "dead_lettered": {**sync.get("dead_lettered", {})}}
    if not sync["enabled"]:
        return total
    for name in ("delivered", "duplicate", "pending", "copies"):
        total[name] = total.get(name, 0) + sync.get(name, 0)
    age = "oldest_waiting_seconds"
    total[age] = max(total.get(age, 0.0), sync.get(age, 0.0))
    for group in ("filtered", "dead_lettered"):
        _add(total[group], sync[group])
    total["apps"] = [_sum_app(mine, theirs) for mine, theirs in zip(total["apps"], sync["apps"], strict=False)]
    return total


_WORST = ("paused", "paused_by_settings", "open", "closed")


def _sum_app(total: dict[str, Any], app: dict[str, Any]) -> dict[str, Any]:
    summed = {name: total[name] + app[name] for name in ("in_flight", "waiting", "set_aside")}
    first, retry = (total["delivered"][name] + app["delivered"][name] for name in ("first", "retry"))
    circuit = min(total["circuit"], app["circuit"], key=_WORST.index)
    lasts = [each["last_answer"] for each in (total, app) if each["last_answer"] is not None]
    last = max(lasts, key=lambda each: str(each["at"]), default=None)
    return {**total, **summed, "delivered": {"first": first, "retry": retry}, "circuit": circuit, "last_answer": last}


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
