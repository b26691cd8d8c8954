"""The names that syncs select, beside those that the sample holds."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from connectors.finding import Finding, Mark, count
from connectors.sample import Sample
from flows.domain.exclude import fold
from flows.domain.select import RESERVED
from flows.operations.check.syncs import syncs_of
from flows.settings.model import Settings

_ALIKE: Final = 0.8
"""From which likeness on a name that nobody sends is taken for a misspelt one."""
_MOST_NAMED: Final = 5


def selected(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield what each sync selects and nobody sends: misspelt names are the commonest reason for «nothing arrives»."""
    sent = sorted({event.name for event in sample.events} - RESERVED)
    for sync in syncs_of(settings):
        named = [row.name for row in sync.selections if row.name != "*"]
        unsent = [name for name in dict.fromkeys(named) if name not in sent]
        where = f"sync[{sync.name}]"
        for name in unsent:
            near = _near(name, [each for each in sent if each not in named])
            if near:
                yield Finding(
                    Mark.FAILED,
                    f'{where}: nobody sends "{name}" in {sample.where}',
                    f'did you mean "{near}"? Names are compared letter by letter',
                )
        others = [name for name in unsent if not _near(name, [each for each in sent if each not in named])]
        if others and len(others) == len(set(named)) == len({row.name for row in sync.selections}):
            do = f"select some of those that are sent: {_listed(sent)}"
            yield Finding(Mark.FAILED, f"{where}: none of its events is in {sample.where}: {_listed(others)}", do)
        elif others:
            text = f"{where}: {count(len(others), 'event')} that it selects {_is(others)} not in {sample.where}"
            yield Finding(Mark.NOTE, f"{text}: {_listed(others)}", "rare ones may be missing from a sample")
        elif named and not unsent:
            yield Finding(Mark.FINE, f"{where}: all {count(len(set(named)), 'event')} that it selects are sent")


def _near(name: str, sent: Sequence[str]) -> str | None:
    folded = {fold(each): each for each in sent}
    found = get_close_matches(fold(name), folded, n=1, cutoff=_ALIKE)
    return folded[found[0]] if found else None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(f'"{name}"' for name in names[:_MOST_NAMED]) + more


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
