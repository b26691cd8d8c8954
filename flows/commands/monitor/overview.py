"""All slices at a glance: rates from two answers of each, and the sums."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from flows.commands.monitor.apps import Apps
from flows.commands.monitor.collector import collector_lines
from flows.commands.monitor.file_words import about_file
from flows.commands.monitor.fitted import Column, FittedTable
from flows.commands.monitor.lines import Lines
from flows.commands.monitor.page import fates
from flows.commands.monitor.words import oldest, reasons, state
from flows.domain.duration import duration
from flows.operations.latency import p95_seconds
from flows.operations.monitor import SliceAnswer, printable
from flows.operations.totals import delivered, rate, together
from flows.settings.problems import Problem


def overview(
    answers: Sequence[SliceAnswer],
    before: Mapping[str, SliceAnswer],
    wrong: Sequence[Problem] = (),
    collector: SliceAnswer | None = None,
) -> RenderableType:
    """Return what `python -m flows top` shows.

    `before` are earlier answers by address, for the rates; `wrong` is what is wrong with the settings file;
    `collector` is what the collector said, if there is one.
    """
    statuses = [each.status for each in answers if each.status is not None]
    of_file = dict.fromkeys([*map(str, wrong), *(text for each in statuses for text in about_file(each))])
    parts: list[RenderableType] = [
        _slices(answers, before),
        Lines([("", text) for text in (*_why(answers), *(Text(printable(text), "yellow") for text in of_file))]),
    ]
    if collector is not None:
        parts += [Text(), collector_lines(collector)]
    if statuses:
        total = together(statuses)
        parts += [Text(), Apps(total["syncs"], p95_seconds(statuses)), Text(), fates(total)]
    return Group(*parts)


def _why(answers: Sequence[SliceAnswer]) -> list[Text]:
    """Return a line for each thing that holds a slice up, and for each slice that does not answer."""
    said: list[Text] = []
    for answer in answers:
        if answer.status is None:
            said.append(Text(printable(f"{answer.url}: {answer.why}"), "bold red"))
        else:
            index = answer.status["slice"]["index"]
            said += [Text(printable(f"slice {index}: {text}"), "yellow") for text in reasons(answer.status)]
    return said


_COLUMNS: Final = (
    Column("slice", is_number=False),
    Column("read/s", rank=2),
    Column("delivered/s"),
    Column("lag", rank=1),
    Column("lag s", rank=4),
    Column("pending", rank=3),
    Column("oldest"),
    Column("held", rank=5),
    Column("users", rank=6),
    Column("state", is_number=False),
)


def _slices(answers: Sequence[SliceAnswer], before: Mapping[str, SliceAnswer]) -> FittedTable:
    rows: list[tuple[Sequence[Text], str]] = []
    sums = [0.0] * 8
    for answer in answers:
        if answer.status is None:
            rows.append(([Text("?"), *[Text("-")] * 8, Text("no answer", "bold red")], ""))
            continue
        numbers = _numbers(answer, before.get(answer.url))
        sums = [
            max(mine, theirs) if place in _AGES else mine + theirs
            for place, (mine, theirs) in enumerate(zip(sums, numbers, strict=True))
        ]
        place = answer.status["slice"]
        name = Text(printable(f"{place['index']}/{place['count']}"))
        rows.append(([name, *map(Text, _texts(numbers)), state(answer.status)], ""))
    if len(answers) > 1:
        rows.append(([Text("all"), *map(Text, _texts(sums)), Text()], "bold"))
    return FittedTable(_COLUMNS, rows)


_OLDEST = 5
_AGES = (3, _OLDEST)
"""The places of the numbers whose total is the highest, not the sum."""


def _numbers(answer: SliceAnswer, before: SliceAnswer | None) -> list[float]:
    status = answer.status or {}
    lag = status["source"]["lag"] or {"events": 0, "seconds": 0.0}
    return [
        rate(answer, before, lambda each: each["read"]),
        rate(answer, before, delivered),
        lag["events"],
        lag["seconds"],
        sum(sync["pending"] for sync in status["syncs"] if sync["enabled"]),
        oldest(status),
        status["held"],
        status["users"],
    ]


def _texts(numbers: Sequence[float]) -> list[str]:
    texts = [f"{each:,.1f}" if place in _AGES else f"{each:,.0f}" for place, each in enumerate(numbers)]
    texts[_OLDEST] = duration(numbers[_OLDEST]) if numbers[_OLDEST] else "-"
    return texts
