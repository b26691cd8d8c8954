"""The plan of a replay: what it is about and where it ends. Kept until it is done, so that a killed one goes on."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.files.letter_reader import count_lines, file_ends
from connectors.kafka.letter_reader import topic_bounds
from flows.replaying.filters import Filters
from flows.settings.model import FileDeadLetters, Settings

DIRECTORY: Final = "replay"
MARKS: Final = "marks"
_PLAN: Final = "plan.json"


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


def replay_directory(settings: Settings) -> Path:
    """Return where all that replays keep is."""
    return settings.state.directory / DIRECTORY


def run_directory(settings: Settings, filters: Filters, *, again: bool) -> Path:
    """Return what belongs to one command: the same whenever it is typed, until it is done."""
    letters = settings.dead_letters
    place = (
        str(letters.directory) if isinstance(letters, FileDeadLetters) else [letters.bootstrap_servers, letters.topic]
    )
    said = orjson.dumps([_as_json(filters), again, place])
    return replay_directory(settings) / f"run-{hashlib.sha256(said).hexdigest()[:16]}"


def make(settings: Settings, filters: Filters, *, again: bool, letters_per_second: float) -> Plan:
    """Return the plan of a replay that begins now. Raises as `topic_bounds` and `count_lines` do."""
    letters = settings.dead_letters
    if isinstance(letters, FileDeadLetters):
        ends = file_ends(letters.directory)
        total = count_lines(letters.directory, ends)
    else:
        bounds = topic_bounds(letters)
        ends = {part: end for part, (_, end) in bounds.items()}
        total = sum(end - first for first, end in bounds.values())
    return Plan(secrets.token_hex(8), filters, again, ends, total, letters_per_second)


def save(plan: Plan, directory: Path) -> None:
    """Write it, as a whole or not at all. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f"{_PLAN}.new"
    fresh.write_bytes(orjson.dumps({**asdict(plan), "filters": _as_json(plan.filters)}))
    os.replace(fresh, directory / _PLAN)  # noqa: PTH105 - atomic by contract


def load(directory: Path) -> Plan | None:
    """Return the plan of an interrupted replay; None if there is none. Raises OSError."""
    try:
        stored = orjson.loads((directory / _PLAN).read_bytes())
    except FileNotFoundError:
        return None
    filters = stored.pop("filters")
    reasons, syncs = tuple(filters.pop("reasons")), tuple(filters.pop("syncs"))
    renamed = tuple((earlier, today) for earlier, today in filters.pop("renamed", ()))
    return Plan(filters=Filters(reasons, syncs, renamed=renamed, **filters), **stored)


def _as_json(filters: Filters) -> dict[str, Any]:
    """Return them as they are stored; without renamed syncs as versions before those knew them."""
    content = asdict(filters)
    if not filters.renamed:
        del content["renamed"]
    return content


def remove(directory: Path) -> None:
    """Say that the replay is done."""
    (directory / _PLAN).unlink(missing_ok=True)
