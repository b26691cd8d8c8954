"""Status: what the process is at, as JSON for people and for `python -m flows status` and `top`.

Counts, names out of the settings, and AppsFlyer's answers in our words: no secret, and nothing out of an event.
"""

from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite
from platform import python_version
from typing import Any

from connectors.kinds import store_of
from flows.observe.liveness import circuit_trouble, hindrances, parts_alive
from flows.observe.metrics.answers import status_label
from flows.observe.metrics.events import oldest_seconds
from flows.observe.metrics.lag import lag_seconds
from flows.observe.metrics.metric import PACKAGE
from flows.observe.parts import App, Parts
from flows.observe.readiness import checks
from flows.observe.recent import Recent
from flows.observe.verdict import judge_slice


def status(parts: Parts, recent: Recent) -> dict[str, Any]:
    """Return everything, and the verdict on it."""
    found = _status(parts, recent)
    verdict = judge_slice(found)
    return {"name": found.pop("name"), "state": verdict.state.value, "reasons": list(verdict.reasons), **found}


def _status(parts: Parts, recent: Recent) -> dict[str, Any]:
    alive, why = all(each.is_alive for each in parts_alive(parts)), hindrances(parts)
    not_ready = {each.name: each.why_not for each in checks(parts) if each.why_not is not None}
    return {
        "name": PACKAGE,
        "versions": {"package": version(PACKAGE), "bytewax": version("bytewax"), "python": python_version()},
        "slice": {"index": parts.part.index, "count": parts.part.count},
        "started": _iso(parts.started),
        "uptime_seconds": round(parts.heartbeat.clock() - parts.heartbeat.started_at, 1),
        "alive": alive,
        "ready": not not_ready,
        "not_ready": not_ready,
        "delivering": not why,
        "why": why,
        "stopping": parts.shutdown.requested,
        "input_ended": parts.shutdown.input_ended,
        "settings": {
            "path": str(parts.settings.path),
            "sha256": parts.in_force.sha256,
            "reload": _reload(parts),
            "file": parts.in_force.look_at_file() if parts.in_force.look_at_file is not None else None,
        },
        "source": _source(parts),
        "read": parts.ledger.read,
        "refused": {reason.value: count for reason, count in parts.ledger.refused.copy().items()},
        "refusals_pending": parts.ledger.open_refusals,
        "held": parts.held,
        "in_windows": parts.windows.value,
        "unfinished": len(parts.outbox),
        "set_aside": parts.outbox.set_aside_count,
        "users": parts.users(),
        "brake": {"on": parts.ledger.brake.is_on},
        "dead_letters": _dead_letters(parts),
        "damaged_inputs": len(parts.damages),
        "recent": recent.as_json(),
        "snapshots": {
            "count": parts.sink.snapshots if parts.sink is not None else 0,
            "age_seconds": round(parts.heartbeat.clock() - _snapshot_at(parts), 1),
        },
        "syncs": _syncs(parts, recent),
    }


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _snapshot_at(parts: Parts) -> float:
    """Return when the last snapshot was taken, or the process has started."""
    return (parts.sink and parts.sink.snapshot_at) or parts.heartbeat.started_at


def _reload(parts: Parts) -> dict[str, Any] | None:
    reload = parts.in_force.reload
    return None if reload is None else {"at": _iso(reload.at), "ok": reload.ok, "result": reload.result}


def _source(parts: Parts) -> dict[str, Any]:
    kind, source = parts.settings.source.kind, parts.source
    if source is None:
        return {"kind": kind, "connected": True, "lag": None, "sent_again_if_state_lost": None, "partitions": []}
    partitions = [
        {
            "partition": each.partition,
            "next_offset": each.next_offset,
            "committed": each.committed,
            "end": each.end,
            "lag_events": each.lag_events,
            "lag_seconds": round(lag_seconds(parts, each.lag_events or 0, each.last_record_ms), 3),
        }
        for each in source.progress()
    ]
    known = [each for each in partitions if each["lag_events"] is not None]
    lag = {
        "events": sum(each["lag_events"] or 0 for each in known),
        "seconds": max((each["lag_seconds"] or 0.0 for each in known), default=0.0),
    }
    again = source.sent_again()
    return {
        "kind": kind,
        "connected": source.waits_for is None,
        "lag": lag if known else None,
        "sent_again_if_state_lost": sum(again.values())
        if again is not None and len(again) == len(partitions)
        else None,
        "partitions": partitions,
    }


def _dead_letters(parts: Parts) -> dict[str, Any]:
    letters, dead_letter_queue = parts.settings.dead_letters, parts.dead_letter_queue
    return {
        "kind": letters.kind,
        "place": store_of(letters).place,
        "waiting": dead_letter_queue.waiting if dead_letter_queue is not None else 0,
        "blocked": dead_letter_queue.waits_for if dead_letter_queue is not None else None,
    }


def _syncs(parts: Parts, recent: Recent) -> list[dict[str, Any]]:
    ledger = parts.ledger
    counted = dict(zip(ledger.sync_names, ledger.syncs, strict=False))
    entries = ledger.read - ledger.refused.total() - ledger.open_refusals
    ages = oldest_seconds(parts)
    found = []
    for sync in parts.settings.syncs:
        counts = counted.get(sync.name) if sync.enabled else None
        if counts is None:
            found.append({"name": sync.name, "enabled": False})
            continue
        filtered = {reason.value: count for reason, count in counts.filtered.copy().items()}
        letters = {reason.value: count for reason, count in counts.dead_lettered.copy().items()}
        delivered, duplicate, copies = counts.delivered, counts.duplicate, counts.copies
        final = delivered + duplicate + sum(filtered.values()) + sum(letters.values())
        found.append(
            {
                "name": sync.name,
                "enabled": True,
                "copies": copies,
                "delivered": delivered,
                "duplicate": duplicate,
                "filtered": filtered,
                "dead_lettered": letters,
                "pending": max(entries + copies - final, 0),
                "oldest_waiting_seconds": round(ages.get(sync.name, 0.0), 1),
                "requests": counts.requests.total(),
                "absent_identifiers": dict(counts.absent),
                "apps": [_app(parts, each, recent) for each in parts.apps() if each.sync == sync.name],
            }
        )
    return found


def _app(parts: Parts, app: App, recent: Recent) -> dict[str, Any]:
    lane, answers = parts.lane(app), parts.answers(app)
    last = answers.last
    return {
        "platform": app.platform,
        "app_id": app.app_id,
        "circuit": parts.circuit(app).value,
        "trouble": circuit_trouble(parts, app),
        "rate_limit": rate_limit if isfinite(rate_limit := parts.rate_limit(app)) else None,
        "concurrency_limit": parts.concurrency_limit(app),
        "in_flight": lane.in_flight if lane is not None else 0,
        "waiting": len(lane.waiting) if lane is not None else 0,
        "set_aside": parts.outbox.set_aside_of(app.lane),
        "delivered": {"first": answers.delivered_first, "retry": answers.delivered_later},
        "recent_age_seconds": recent.ages(app),
        "last_answer": None
        if last is None
        else {
            "status": status_label(last[0]),
            "class": last[1].verdict.value,
            "meaning": last[1].meaning,
            "at": _iso(datetime.fromtimestamp(last[2] / 1000, UTC)),
        },
    }
