"""What syncs read from paths of their own, beside what the sample holds."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from connectors.appsflyer.fields import CANONICAL, compile_fields
from connectors.appsflyer.mapped import IN_PLACE, is_nothing
from connectors.finding import Finding, Mark, count
from connectors.sample import Sample
from flows.domain.event import Event
from flows.domain.exclude import fold
from flows.domain.paths import CONTAINERS
from flows.domain.select import compile_select
from flows.operations.check.kept import with_kept
from flows.operations.check.syncs import syncs_of
from flows.settings.model import Settings

_ALIKE: Final = 0.8
"""From which likeness on a path that leads to nothing is taken for a misspelt one."""


def mapped(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield which fields of each sync no event has a value for, and of which there are values that cannot be used."""
    sent = list(with_kept(settings, sample.events))
    for sync in syncs_of(settings):
        select = compile_select([sync])
        events = [event for event in sent if select(event)[0]]
        for name, paths in sync.fields if events else ():
            read = compile_fields([(name, paths)], {**CANONICAL, **IN_PLACE}, is_nothing)
            readings = [read(event) for event in events]
            found = sum(bool(fields) for fields, _ in readings)
            unusable = sum(bool(invalid) for _, invalid in readings)
            where = f"sync[{sync.name}].fields.{name}"
            of_events = f"of {count(len(events), 'event')} that it selects in {sample.where}"
            if unusable:
                text = f"{where}: {count(unusable, 'value')} {of_events} cannot be used and would be left out"
                yield Finding(Mark.NOTE, text, "`explain` shows what becomes of an event")
            elif not found and paths:
                near = _near(paths, events)
                do = f'did you mean "{near}"?' if near else "correct the path, or leave it if such events are rare"
                yield Finding(Mark.NOTE, f"{where}: none {of_events} has a value at {_listed(paths)}", do)


def _near(paths: Sequence[str], events: Sequence[Event]) -> str | None:
    """Return the path that one of these may have been meant to be: by its whole, or by its last name alone."""
    there = {fold(path): path for event in events for path in _paths_of(event)}
    for path in paths:
        name = fold(path.rpartition(".")[2])
        same = [each for folded, each in there.items() if folded.rpartition(".")[2] == name]
        if same:
            return same[0]
        if close := get_close_matches(fold(path), there, n=1, cutoff=_ALIKE):
            return there[close[0]]
    return None


def _paths_of(event: Event) -> Iterator[str]:
    yield from (name for name in event.fields if name not in CONTAINERS)
    for container in CONTAINERS:
        for name, value in getattr(event, container).items():
            yield f"{container}.{name}"
            if isinstance(value, dict):
                yield from (f"{container}.{name}.{inner}" for inner in value)


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(f'"{path}"' for path in paths)
