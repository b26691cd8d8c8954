"""The plan of a replay: what it is about and where it ends. Kept until it is done, so that a killed one goes on."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import structlog

from connectors.kinds import store_of
from connectors.state import layout
from connectors.state.damage import DamagedStateError
from connectors.state.durable import read_checked, sync_entries, write_checked
from connectors.state.manifest import Manifest
from connectors.state.replay_log import ReplayLog
from flows.operators.replay_filters import Filters
from flows.settings.model import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """One replay. Letters that come after its start are not part of it, those that it writes itself among them."""

    run: str
    """Its own name; the one of a killed replay that goes on."""
    filters: Filters
    again: bool
    """Replay what was replayed before."""
    ends: Mapping[str, int]
    """Where the letters ended at its start: file → bytes, or partition → offset."""
    total: int
    """How many letters there were at its start, wanted or not."""
    letters_per_second: float = 0.0
    """0 is no limit."""
    topic_id: str | None = None
    """Kafka's id of the topic with the letters; None for files, or of an earlier version, or where it is not known."""


def replay_directory(settings: Settings) -> Path:
    """Return where all that replays keep is."""
    return layout.replay_directory(settings.state.directory)


def marks(settings: Settings, plan: Plan) -> ReplayLog:
    """Return what earlier replays have brought to an end. Raises OSError, DamagedStateError."""
    directory = replay_directory(settings)
    return ReplayLog(
        directory / layout.MARKS, plan.run, again=plan.again, manifest=Manifest(directory, has_recovery=False)
    )


def run_directory(settings: Settings, filters: Filters, *, again: bool) -> Path:
    """Return what belongs to one command: the same whenever it is typed, until it is done."""
    said = orjson.dumps([_as_json(filters), again, store_of(settings.dead_letters).identity])
    return replay_directory(settings) / f"run-{hashlib.sha256(said).hexdigest()[:16]}"


def make(settings: Settings, filters: Filters, *, again: bool, letters_per_second: float) -> Plan:
    """Return the plan of a replay that begins now. Raises as `DeadLetterStore.bounds` does."""
    store = store_of(settings.dead_letters)
    place_id = store.id()
    ends, total = store.bounds()
    return Plan(secrets.token_hex(8), filters, again, ends, total, letters_per_second, place_id)


def take_up(plan: Plan, settings: Settings) -> Plan:
    """Return how an interrupted replay goes on: as planned, if the topic is still the one of which its ends are.

    Otherwise it reads no more, and brings to an end what it has taken. Raises SecretError.
    """
    store = store_of(settings.dead_letters)
    if plan.topic_id is None:
        return plan
    now = store.id()
    if now is None or now == plan.topic_id:
        return plan
    log.error(
        "the dead letter topic was deleted and made again since this replay began; what was taken of the old one is "
        "brought to an end, and nothing more is read",
        topic=store.place,
        do="type the command again when this one has ended, and the new letters are replayed",
    )
    return replace(plan, ends={})


def save(plan: Plan, directory: Path) -> None:
    """Write it, as a whole or not at all. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    sync_entries(directory.parent)
    content = {**asdict(plan), "filters": _as_json(plan.filters)}
    write_checked(directory / layout.PLAN, content)


def load(directory: Path) -> Plan | None:
    """Return the plan of an interrupted replay; None if there is none. Raises OSError, DamagedStateError."""
    path = directory / layout.PLAN
    try:
        stored = read_checked(path, may_lack_checksum=True)  # an earlier version's has none
        filters = stored.pop("filters")
        reasons, syncs = tuple(filters.pop("reasons")), tuple(filters.pop("syncs"))
        renamed = tuple((earlier, today) for earlier, today in filters.pop("renamed", ()))
        found = Plan(filters=Filters(reasons, syncs, renamed=renamed, **filters), **stored)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DamagedStateError(
            f"{path} is damaged; put it back as it was, or remove {directory}: then the replay begins anew, and sends "
            "nothing again that the marks beside it have"
        ) from None
    return found


def _as_json(filters: Filters) -> dict[str, Any]:
    """Return them as they are stored; without renamed syncs as versions before those knew them."""
    content = asdict(filters)
    if not filters.renamed:
        del content["renamed"]
    return content


def remove(directory: Path) -> None:
    """Say that the replay is done."""
    (directory / layout.PLAN).unlink(missing_ok=True)
