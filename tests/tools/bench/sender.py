"""Sender: the HTTP half alone against bare libcurl, with the real bodies."""

import argparse
import sys
from typing import Final

from rich.console import Console

from tests.tools.bench import document, rounds, table, traffic
from tests.tools.bench.contestants import LIMIT, Contestant, chosen
from tests.tools.bench.figures import Figures, ratio
from tests.tools.bench.job import Job
from tests.tools.bench.measure import Launch
from tests.tools.bench.this_stream import REPOSITORY
from tests.tools.bench.workplace import ready

TARGET: Final = 0.9
_NAME: Final = "sender"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--document", action="store_true", help="write it into docs/performance.md")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and print how they compare."""
    field = [Contestant(_NAME, "the sender alone", _sender), *chosen(LIMIT)]
    with ready(traffic.Shape(arguments.events), console) as place:
        results = rounds.run(field, arguments.rounds, place)
    figures = {name: Figures.of(measurements) for name, measurements in results.items()}
    console.print(table.table(field, figures, f"{arguments.rounds} rounds: median (least-most)"))
    compared = ratio(results[_NAME], results[LIMIT])
    said = (
        f"The sender alone does {compared.median:.0%} ({compared.least:.0%}-{compared.most:.0%}) of bare libcurl's "
        f"requests per CPU-second; the target is {TARGET:.0%}."
    )
    console.print(f"\n{said}")
    if arguments.document:
        document.write(document.PERFORMANCE, "sender", said)
    return 0


def _sender(job: Job) -> list[Launch]:
    arguments = [job.endpoint.url, str(job.endpoint.ca_file), str(job.bodies_file), str(job.topic.selected)]
    return [Launch([sys.executable, "-m", "tests.tools.bench.sender_alone", *arguments], directory=REPOSITORY)]
