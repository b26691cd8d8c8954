"""Liveness: whether every part of the process moves; a part that does not is named, with how long it has stood still.

A process that moves but cannot deliver, for AppsFlyer, Kafka or a disk is in trouble, is alive: a restart would heal
nothing. What keeps it from delivering is said all the same.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from connectors.appsflyer.answers import Verdict
from connectors.delivery.breaker import Circuit
from flows.observe.parts import App, Parts

STILL_SECONDS: Final = 60.0
"""No step of any part is meant to take longer than a second or two: a minute leaves room for a disk that is slow, and
for a snapshot of very many users."""
START_SECONDS: Final = 900.0
"""From the start to the first question to the source, without the wait for Kafka: users are taken up again meanwhile,
millions of them within minutes."""
_QUIET_SECONDS: Final = 30.0


class Part(NamedTuple):
    """How one part of the process fares."""

    name: str
    is_alive: bool
    what: str
    """What it is at, in words."""
    still_seconds: float | None = None
    """For how long it has not moved."""
    limit_seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON would hold it."""
        still = None if self.still_seconds is None else round(self.still_seconds, 3)
        return {
            "part": self.name,
            "alive": self.is_alive,
            "what": self.what,
            "still_seconds": still,
            "limit_seconds": self.limit_seconds,
        }


def parts_alive(parts: Parts) -> list[Part]:
    """Judge each part."""
    return [_worker(parts), *_sender(parts), *_dead_letter_queue(parts)]


def _worker(parts: Parts) -> Part:
    beats, shutdown = parts.heartbeat, parts.shutdown
    now = beats.clock()
    workers = list(beats.workers.copy().values())
    if parts.source is not None and not parts.source.is_found:
        return Part("worker", is_alive=True, what=parts.source.waits_for or "waiting for the source")
    if not workers:
        return _moved("worker", "starting", now - beats.started_at, START_SECONDS)
    if not shutdown.input_is_over:
        return _moved("worker", "running", now - min(workers), STILL_SECONDS)
    # While it drains, only the worker with the sink still beats; at a stop it has until the drain must be over.
    still, limit = now - max(workers), STILL_SECONDS
    if shutdown.requested:
        limit += parts.settings.delivery.drain_seconds
        still = min(still, now - shutdown.since)
    return _moved("worker", "draining", still, limit)


def _sender(parts: Parts) -> Iterator[Part]:
    sender, beats = parts.sender, parts.heartbeat
    if sender is None:
        return
    now = beats.clock()
    if sender.error is not None:
        yield Part("courier", is_alive=False, what=f"ended by {type(sender.error).__name__}")
        return
    yield _moved("courier", "running", now - (beats.sender_at or beats.started_at), STILL_SECONDS)
    # libcurl ends every request after its time-out; one that it does not end is stuck, and others with it.
    if sender.in_flight:
        moved_at = max(beats.requests_at, parts.tally.answered_at or 0.0)
        limit = parts.settings.delivery.timeout_seconds + STILL_SECONDS
        yield _moved("requests", f"{sender.in_flight} under way", now - moved_at, limit)


def _dead_letter_queue(parts: Parts) -> Iterator[Part]:
    dead_letter_queue = parts.dead_letter_queue
    if dead_letter_queue is None:
        return
    if dead_letter_queue.error is not None:
        yield Part("postbox", is_alive=False, what=f"ended by {type(dead_letter_queue.error).__name__}")
    elif dead_letter_queue.is_idle:
        yield Part("postbox", is_alive=True, what="nothing to store")
    else:
        yield _moved("postbox", "storing", parts.heartbeat.clock() - dead_letter_queue.moved_at, STILL_SECONDS)


def _moved(name: str, what: str, still_seconds: float, limit_seconds: float) -> Part:
    still = max(still_seconds, 0.0)
    is_alive = still <= limit_seconds
    return Part(name, is_alive, what if is_alive else f"stuck ({what})", still, limit_seconds)


def hindrances(parts: Parts) -> list[str]:
    """Return why events are not delivered at the moment, in words; an empty list if nothing hinders them."""
    found = []
    if parts.ledger.brake.is_on:
        found.append("the brake is on: too many of the last events were refused; correct the cause and start again")
    if parts.source is not None and parts.source.waits_for is not None:
        found.append(parts.source.waits_for)
    if parts.disk.is_full:
        found.append("the state disk is nearly full, and so nothing more is read; make room, or give it more")
    if parts.sender is not None and parts.sender.waits_for_disk:
        found.append("the journal cannot be written, and so nothing is sent; look at the disk of [state] directory")
    if parts.dead_letter_queue is not None and parts.dead_letter_queue.waits_for is not None:
        found.append(f"dead letters cannot be stored: {parts.dead_letter_queue.waits_for}")
    found += [why for app in parts.apps() if (why := circuit_trouble(parts, app)) is not None]
    return found or list(_quiet(parts))


def circuit_trouble(parts: Parts, app: App) -> str | None:
    """Return why nothing gets through to an app, if so."""
    circuit = parts.circuit(app)
    if circuit is Circuit.CLOSED:
        return None
    name = f"{app.sync} ({app.platform})"
    if circuit is Circuit.PAUSED_BY_SETTINGS:
        return f"{name} is paused by the settings (paused = true): its events are kept, and none is sent"
    last = parts.answers(app).last
    meaning = last[1].meaning if last is not None else "its key cannot be read"
    if circuit is Circuit.PAUSED:
        if last is not None and last[1].verdict is Verdict.INTERCEPTED:
            return f"{name} is paused: {meaning}; look at the network, the proxy and delivery.endpoint"
        return f"{name} is paused: {meaning}; correct the key, the app id or the plan"
    return f"nothing gets through to {name}: {meaning}; one request at a time goes as a probe"


def _quiet(parts: Parts) -> Iterator[str]:
    if parts.sender is None or not parts.sender.in_flight:
        return
    beats = parts.heartbeat
    quiet = beats.clock() - max(beats.requests_at, parts.tally.answered_at or 0.0)
    if quiet > _QUIET_SECONDS:
        yield f"requests are under way, and AppsFlyer has answered none for {quiet:.0f} seconds"
