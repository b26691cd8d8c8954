"""Slices: two on two cores against one on one.

With four cores or more, each slice has a core of its own and the clock is looked at. With fewer, broker and endpoint
need one of the two: both slices then share the measured core, and what two full cores would do is told from the CPU
time that they use for each event, which is all that two processes that share nothing can lose.
"""

import argparse
import os
from collections.abc import Sequence
from functools import partial
from typing import Final

from rich.console import Console

from tests.tools.bench import cores, document, rounds, table, this_stream, traffic
from tests.tools.bench.contestants import Contestant
from tests.tools.bench.figures import Figures, Spread
from tests.tools.bench.measure import Measurement
from tests.tools.bench.workplace import ready

TARGET: Final = 1.85
_ENOUGH_CORES: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--document", action="store_true", help="write it into docs/performance.md")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and print how they compare."""
    has_enough = (os.cpu_count() or 1) >= _ENOUGH_CORES
    places = [(cores.MEASURED,), (cores.MEASURED + 2 if has_enough else cores.MEASURED,)]
    field = [
        Contestant("one", "one slice, one core", this_stream.launches, this_stream.check),
        Contestant(
            "two",
            "two slices",
            partial(this_stream.launches, slices=2, slice_cores=places),
            partial(this_stream.check, slices=2),
        ),
    ]
    with ready(traffic.Shape(arguments.events, arguments.users), console) as place:
        results = rounds.run(field, arguments.rounds, place)
    figures = {name: Figures.of(measurements) for name, measurements in results.items()}
    console.print(table.table(field, figures, f"{arguments.rounds} rounds: median (least-most)"))
    factor = by_clock(results["one"], results["two"]) if has_enough else by_cpu(results["one"], results["two"])
    how = "by the clock, on two cores" if has_enough else "by CPU time: there are too few cores to look at the clock"
    said = (
        f"Two slices do {factor.median:.2f} ({factor.least:.2f}-{factor.most:.2f}) times the work of one, {how}; "
        f"the target is {TARGET}."
    )
    console.print(f"\n{said}")
    if arguments.document:
        document.write(document.PERFORMANCE, "slices", said)
    return 0


def by_clock(one: Sequence[Measurement], two: Sequence[Measurement]) -> Spread:
    """Return how many times as fast two are."""
    return Spread.of([more.per_second / less.per_second for less, more in zip(one, two, strict=True)])


def by_cpu(one: Sequence[Measurement], two: Sequence[Measurement]) -> Spread:
    """Return how many times as fast two would be with a full core each."""
    return Spread.of([2 * more.per_cpu_second / less.per_cpu_second for less, more in zip(one, two, strict=True)])
