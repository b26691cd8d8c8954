"""Say what the source holds now: event names with their volumes, platforms, and which identifiers the events carry.

    python -m flows inspect                   the newest 1,000 records of the topic or the inbox; of archives, as many
    python -m flows inspect --events 20000    from all over them
    python -m flows inspect --all --json      everything in archives or in the inbox, as one JSON object

It joins no group, changes no state and sends nothing. Exit code 1 where it finds no event or cannot look.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.finding import count
from connectors.kinds import source_of
from connectors.sample import SAMPLE_RECORDS
from flows.domain.printable import printable, printable_json
from flows.operations.check.identified import PLATFORM_NAMES, share
from flows.operations.inspect import UNKNOWN, inspect
from flows.operations.inspection import Inspection, NameSeen, PlatformSeen
from flows.program import as_called
from flows.refusal import ExitCode
from flows.settings import load

SUMMARY: Final = "what the source holds: event names, platforms, identifiers"

_MOST_RECORDS: Final = 100_000
_MOST_NAMES: Final = 30
_MOST_PATHS: Final = 3
_WIDTH_ELSEWHERE: Final = 200
"""Where the output is no terminal it is searched, so that a name is better left on one line."""
_TITLES: Final = {str(each or UNKNOWN): name for each, name in PLATFORM_NAMES.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument(
        "--events",
        type=_records,
        default=SAMPLE_RECORDS,
        metavar="N",
        help=f"look at so many of the newest records (default: {SAMPLE_RECORDS:,})",
    )
    how_many.add_argument("--all", action="store_true", help="look at all that archives or the inbox hold")
    parser.add_argument("--json", action="store_true", help="print it as one JSON object, with all names")


def run(args: argparse.Namespace) -> int:
    """Look, and print."""
    settings = load(args.settings)
    with Console(stderr=True).status(
        Text(f"looking at {printable(source_of(settings.source).title)} …")
    ):  # at a terminal
        found = inspect(settings, None if args.all else args.events)
    if args.json:
        sys.stdout.write(printable_json(orjson.dumps(found.as_json())).decode() + "\n")
    else:
        is_terminal = sys.stdout.isatty()
        _print(Console(file=sys.stdout, highlight=False, width=None if is_terminal else _WIDTH_ELSEWHERE), found)
    return ExitCode.DONE if found.events else ExitCode.FAILED


def _print(console: Console, found: Inspection) -> None:
    for line in _head(found):
        console.print(Text(printable(as_called(line))), soft_wrap=True)
    if not found.events:
        return
    console.print()
    console.print(_names(found))
    left = found.names[_MOST_NAMES:]
    if left or found.other_names:
        events = sum(each.events for each in left) + found.other_names
        console.print(f"and {count(events, 'event')} of other names; --json has them", style="dim")
    for each in found.platforms:
        console.print()
        of_all = f"{_TITLES[each.platform]}: {count(each.events, 'event')}, {share(each.events, found.events)} of all"
        console.print(Text(f"{of_all}, of {count(each.users, 'user')}", "bold"), soft_wrap=True)
        if not each.identifiers:
            console.print("nothing of it is sent: AppsFlyer's in-app events are of iOS and Android", style="dim")
            continue
        console.print(_identifiers(each))
        for line in _costs(each):
            console.print(Text(line), soft_wrap=not console.is_terminal)


def _head(found: Inspection) -> Iterator[str]:
    which = "all that is there" if found.is_whole else "the latest; archives give some of each"
    yield f"{count(found.records, 'record')} of {found.source} ({which}): {count(found.events, 'event')}"
    if found.oldest_ms is not None and found.newest_ms is not None:
        yield f"they happened from {_time(found.oldest_ms)} to {_time(found.newest_ms)}"
    for reason, number in found.refused.items():
        yield f"refused: {reason}: {number:,}; look at them with `python -m flows explain`"
    yield from (f"not read: {problem}" for problem in found.damages)


def _names(found: Inspection) -> Table:
    platforms = [each.platform for each in found.platforms]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("event", overflow="fold")
    for title in ("events", "share", *(_TITLES[each] for each in platforms)):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("selected by", overflow="fold")
    for name in found.names[:_MOST_NAMES]:
        numbers = (f"{name.platforms[each]:,}" if each in name.platforms else "-" for each in platforms)
        table.add_row(
            Text(printable(name.name)), f"{name.events:,}", share(name.events, found.events), *numbers, _syncs(name)
        )
    return table


def _syncs(name: NameSeen) -> Text:
    """Return the syncs that select it, with a share where their conditions take some of them only."""
    return Text(
        ", ".join(
            f"{printable(sync)}{'' if number == name.events else f' ({share(number, name.events)})'}"
            for sync, number in name.selected.items()
        )
        or "-"
    )


def _identifiers(platform: PlatformSeen) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("identifier", overflow="fold")
    for title in ("events", "users", "unusable"):
        table.add_column(title, justify="right")
    table.add_column("read from", overflow="fold")
    for each in platform.identifiers:
        unusable = each.malformed + each.zeroed
        paths = [f"{printable(path)} {share(number, each.events)}" for path, number in each.paths.items()]
        more = [f"and {len(paths) - _MOST_PATHS} more paths"] if len(paths) > _MOST_PATHS else []
        table.add_row(
            each.name,
            share(each.events, platform.events),
            share(each.users, platform.users),
            share(unusable, platform.events) if unusable else "-",
            Text("\n".join((*paths[:_MOST_PATHS], *more)) or "-"),
        )
    return table


def _costs(platform: PlatformSeen) -> Iterator[str]:
    """Yield what the identifiers cost that some events do not carry; those that cost the same, together."""
    costs: dict[str, list[str]] = {}
    for each in platform.identifiers:
        if each.events < platform.events:
            costs.setdefault(each.without, []).append(each.name)
    yield from (f"without {' or '.join(names)}: {cost}" for cost, names in costs.items())


def _time(time_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "an impossible date"


def _records(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _MOST_RECORDS:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a whole number from 1 to {_MOST_RECORDS:,}")
    return int(text)
