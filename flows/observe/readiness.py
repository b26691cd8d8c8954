"""Readiness: whether the process could do its work if events came now. Where it could not, somebody has to act.

An open circuit is AppsFlyer's trouble and heals by itself, so the process stays ready and says it: else an outage there
would stop roll-outs and the draining of nodes here.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.delivery.breaker import Circuit
from connectors.kinds import store_of
from connectors.secrets import Secret, SecretError
from flows.observe.liveness import circuit_trouble
from flows.observe.parts import Parts


class Check(NamedTuple):
    """One condition."""

    name: str
    why_not: str | None
    """None if it holds."""


def checks(parts: Parts) -> list[Check]:
    """Look at everything."""
    return [
        Check("settings", None),
        Check("source", _source(parts)),
        Check("records", "; ".join(parts.source.damaged.values()) or None if parts.source is not None else None),
        Check("keys", "; ".join(_keys(parts)) or None),
        Check("apps", "; ".join(_paused(parts)) or None),
        Check("dead_letters", _dead_letters(parts)),
        Check("journal", _journal(parts)),
        Check("disk", "it is nearly full, and so nothing more is read" if parts.disk.is_full else None),
        Check("brake", "it is on: too many of the last events were refused" if parts.ledger.brake.is_on else None),
        Check("running", _running(parts)),
    ]


def _source(parts: Parts) -> str | None:
    return parts.source.waits_for if parts.source is not None else None


def _keys(parts: Parts) -> Iterator[str]:
    for sync in parts.settings.syncs:
        problems = []
        for key in sync.keys if sync.enabled else ():
            try:
                Secret(key).value()
            except SecretError as problem:
                problems.append(str(problem))
        if len(problems) == len(sync.keys):  # during a rotation one of two is enough
            yield from (f"{sync.name}: {each}" for each in problems)


def _paused(parts: Parts) -> Iterator[str]:
    for app in parts.apps():
        if parts.circuit(app) is Circuit.PAUSED:
            yield circuit_trouble(parts, app) or app.sync


def _dead_letters(parts: Parts) -> str | None:
    if parts.dead_letter_queue is not None and parts.dead_letter_queue.waits_for is not None:
        return parts.dead_letter_queue.waits_for
    return store_of(parts.settings.dead_letters).blocked()


def _journal(parts: Parts) -> str | None:
    if parts.sender is not None and parts.sender.waits_for_disk:
        return "the journal cannot be written, and so nothing is sent"
    return None if _is_writable(parts.journal.directory) else f"{parts.journal.directory} cannot be written to"


def _is_writable(directory: Path) -> bool:
    """Return whether a directory can be written to, or made where it is not there yet."""
    place = next(each for each in (directory, *directory.parents) if each.exists())
    return os.access(place, os.W_OK | os.X_OK)


def _running(parts: Parts) -> str | None:
    if parts.shutdown.requested:
        return "stopping"
    return None if parts.heartbeat.workers else "starting"
