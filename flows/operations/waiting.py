"""What a state directory keeps for syncs that the settings do not enable: at the next start it becomes dead letters."""

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from connectors.delivery.delivery import Delivery
from connectors.delivery.items import unpack
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import StoreError, read_store
from connectors.state.layout import Layout, layouts_of_slices
from connectors.state.spill import count
from connectors.state.step_states import SINK, USERS, WINDOW, ShardState, SinkState, unpacked_window
from connectors.state.user_segments import StoredUser, read_log
from flows.domain.held_state import StoredHeld, held_events
from flows.domain.stored_user import read_user


def waiting(directory: Path, enabled: Collection[str]) -> Counter[str]:
    """Return sync → how many events wait for it, of those that are not in `enabled`, as of the last snapshot.

    `directory` is that of the state: one slice's, or one of several slices'. Touches nothing, and may be called while a
    stream runs. Raises StoreError, OSError, ValueError or DamagedStateError where a store cannot be read.
    """
    found: Counter[str] = Counter()
    for layout in layouts_of_slices(directory):
        for step, _, state in read_store(layout.recovery):
            if step == WINDOW:
                found.update(_syncs(unpacked_window(state)))
            elif step == SINK:
                sink = SinkState.unpacked(state)
                found.update(_syncs(item for item, _ in sink.items))
                found.update(_set_aside(layout, sink, enabled))
            elif step == USERS:
                found.update(_held(layout, ShardState.unpacked(state)))
    return Counter({sync: events for sync, events in found.items() if sync not in enabled})


def waiting_if_readable(directory: Path, enabled: Collection[str]) -> Counter[str]:
    """Return the same; nothing where a store cannot be read, which a start says better."""
    with suppress(StoreError, OSError, ValueError, DamagedStateError, IndexError, TypeError, KeyError):
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


def _syncs(items: Iterable[tuple[Any, ...]]) -> list[str]:
    """Return the sync of each request; a dead letter is one already."""
    return [item.sync for each in items if isinstance(item := unpack(each), Delivery)]


def _set_aside(layout: Layout, sink: SinkState, enabled: Collection[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for lane, mark in sink.marks.items():
        sync = lane.partition("/")[0]
        if sync not in enabled:
            found[sync] += count(layout.spill(lane), mark)
    return found


def _held(layout: Layout, shard: ShardState) -> Counter[str]:
    held: dict[str, list[StoredHeld]] = {}

    def take(key: str, stored: StoredUser | None) -> None:
        held.pop(key, None)
        if stored is not None and (events := held_events(read_user(stored)[0])):
            held[key] = events

    read_log(layout.user_log(shard.shard), shard.generation, take)
    return Counter(sync for events in held.values() for each in events for sync, _, _ in each.targets)
