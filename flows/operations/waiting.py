"""What a state directory keeps for syncs that the settings do not enable: at the next start it becomes dead letters."""

import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from connectors.state.engine_store import read_store
from connectors.state.spill import count
from connectors.state.user_segments import State, UserLogError, read_log
from flows.operators.user_store import KIND, read_state

_WINDOW: Final = "stream.window"
_SINK: Final = "stream.deliver"
_IDENTIFY: Final = "stream.identify"
_TARGETS: Final = 4
"""The place of its targets in a held event."""


def waiting(directory: Path, enabled: Collection[str]) -> Counter[str]:
    """Return sync → how many events wait for it, of those that are not in `enabled`, as of the last snapshot.

    `directory` is that of the state: one slice's, or one of several slices'. Touches nothing, and may be called while a
    stream runs. Raises sqlite3.Error, OSError, ValueError or UserLogError where a store cannot be read.
    """
    found: Counter[str] = Counter()
    for store in [directory / "recovery", *directory.glob("slice-*/recovery")]:
        for step, _, state in read_store(store):
            if step == _WINDOW:
                found.update(_syncs(state[1]))
            elif step == _SINK:
                found.update(_syncs([packed for packed, _ in state[1]]))
                found.update(_set_aside(store.parent / "overflow", state[2], enabled))
            elif step == _IDENTIFY and state[0] == KIND:
                found.update(_held(store.parent / "users" / state[2], state[3]))
    return Counter({sync: events for sync, events in found.items() if sync not in enabled})


def waiting_if_readable(directory: Path, enabled: Collection[str]) -> Counter[str]:
    """Return the same; nothing where a store cannot be read, which a start says better."""
    with suppress(sqlite3.Error, OSError, ValueError, UserLogError, IndexError, TypeError, KeyError):
        return waiting(directory, enabled)
    return Counter()


def say(sync: str, events: int) -> str:
    """Say what becomes of events that wait for a sync which is to be off, renamed or gone."""
    return (
        f"{events:,} {'event waits' if events == 1 else 'events wait'} for sync[{sync}], which is not enabled, "
        "renamed or gone"
    )


KEEP: Final = "to keep them waiting, leave it enabled with paused = true; a replay sends them once it is enabled again"
"""What to do about them."""


def _syncs(items: list[tuple[Any, ...]]) -> list[str]:
    """Return the sync of each request; a dead letter is one already."""
    return [packed[1] for packed in items if packed[0] == "parcel"]


def _set_aside(directory: Path, marks: dict[str, Any], enabled: Collection[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for lane, mark in marks.items():
        sync = lane.partition("/")[0]
        if sync not in enabled:
            found[sync] += count(directory / quote(lane, safe=""), mark)
    return found


def _held(directory: Path, generation: int) -> Counter[str]:
    held: dict[str, tuple[tuple[Any, ...], ...]] = {}

    def take(key: str, stored: State | None) -> None:
        held.pop(key, None)
        if stored is not None and (state := read_state(stored)[0]).held:
            held[key] = state.held

    read_log(directory, generation, take)
    return Counter(target[0] for events in held.values() for each in events for target in each[_TARGETS])
