"""Select: the «Send events» filter. Which syncs send an event, under which names, and why the others do not."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from flows.steps.conditions import compile_all
from flows.steps.event import Event
from flows.steps.outcome import FilterReason
from flows.steps.sync import Selection, Sync

RESERVED: Final = frozenset({"$identify", "$groupidentify", "_all", "_identify"})
"""Amplitude, «Event streaming overview»: names that are no events and cannot be streamed."""


class Target(NamedTuple):
    """One delivery that an event is selected for."""

    sync: int
    """Place among the enabled syncs."""
    copy: int
    """0, and on from there where the sync sends the event under several names."""
    send_as: str
    replays: int = 0
    """How many times its dead letters were replayed, this one included."""


class Selected(NamedTuple):
    """What the syncs want of an event."""

    targets: tuple[Target, ...]
    filtered: tuple[tuple[int, FilterReason], ...]
    """(place among the enabled syncs, why)"""


Select = Callable[[Event], Selected]
_Row = tuple[str | None, Callable[[Event], bool]]


def compile_select(syncs: Sequence[Sync]) -> Select:
    """Return the filter of all enabled syncs, compiled once: nothing of the settings is interpreted per event."""
    reserved = Selected((), tuple((place, FilterReason.RESERVED) for place in range(len(syncs))))
    compiled = [(place, _rows_by_name(sync.selections), compile_all(sync.consent)) for place, sync in enumerate(syncs)]

    def select(event: Event) -> Selected:
        name = event.name
        if name in RESERVED:
            return reserved
        targets: list[Target] = []
        filtered: list[tuple[int, FilterReason]] = []
        for place, (by_name, any_name), consents in compiled:
            names = {send_as or name: None for send_as, holds in by_name.get(name, any_name) if holds(event)}
            if not names:
                filtered.append((place, FilterReason.NOT_SELECTED))
            elif not consents(event):
                filtered.append((place, FilterReason.CONSENT))
            else:
                targets.extend(Target(place, copy, send_as) for copy, send_as in enumerate(names))
        return Selected(tuple(targets), tuple(filtered))

    return select


def _rows_by_name(selections: Sequence[Selection]) -> tuple[dict[str, list[_Row]], list[_Row]]:
    """Return the rows of each named event (with those of any event among them, in the file's order), and the latter."""
    rows = [(row.name, (row.send_as, compile_all(row.where))) for row in selections]
    any_name = [row for name, row in rows if name == "*"]
    by_name = {wanted: [row for name, row in rows if name in (wanted, "*")] for wanted, _ in rows if wanted != "*"}
    return by_name, any_name
