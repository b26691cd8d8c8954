"""Compare: the peers, the limits and this stream in one run, interleaved. What `make bench` does."""

import argparse
from pathlib import Path

from rich.console import Console

from tests.tools.bench import document, history, plot, rounds, same_requests, table, traffic
from tests.tools.bench.contestants import Contestant, chosen
from tests.tools.bench.figures import Figures
from tests.tools.bench.peers.build import build
from tests.tools.bench.this_stream import REPOSITORY
from tests.tools.bench.workplace import ready

BENCHMARKS = REPOSITORY / "docs" / "benchmarks"
PLOT = BENCHMARKS / "per-cpu-second.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names, with commas: h2load libcurl stream compiled go node aiohttp")
    parser.add_argument(
        "--stream-checkout",
        type=Path,
        action="append",
        default=[],
        help="another tree of this stream: stream@DIRECTORY",
    )
    parser.add_argument("--record", action="store_true", help="add the run to docs/benchmarks, and draw the plot")
    parser.add_argument("--note", default="", help="what a reader of the record should know")
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md as well")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and say what came of it. Raises what the parts raise."""
    field = chosen(*filter(None, arguments.only.split(",")), checkouts=[e.resolve() for e in arguments.stream_checkout])
    for each in field:
        with console.status(f"building what is to be built: {each.title}"):
            build(each.name)
    same_requests.check(field, arguments.users, console)
    console.print(f"All forwarders send the same {same_requests.EVENTS:,} events' requests, each once.")
    shape = traffic.Shape(arguments.events, arguments.users)
    with ready(shape, console) as place:
        results = rounds.run(field, arguments.rounds, place)
        size = place.topic.bytes / place.topic.events
        share = place.topic.selected / place.topic.events
    figures = {each: Figures.of(measurements) for each, measurements in results.items()}
    title = f"{shape.events:,} events of {size:,.0f} bytes, {shape.users:,} users, {share:.0%} selected"
    title += f", {arguments.rounds} rounds: median (least-most)"
    console.print(table.table(field, figures, title))
    console.print(f"\n{table.headroom(field, figures)}")
    ratios = [f"{ours}: {spread.median:.2f} times {other}" for ours, other, spread in table.ratios(field, results)]
    if ratios:
        console.print("\nPer CPU-second", *ratios, sep="\n- ")
    if arguments.record or arguments.document:
        path = history.append(BENCHMARKS, history.entry(results, shape, REPOSITORY, arguments.note))
        PLOT.write_text(_plot(field, figures, title), encoding="utf-8")
        console.print(f"Added to {path.relative_to(REPOSITORY)}; drawn in {PLOT.relative_to(REPOSITORY)}")
    if arguments.document:
        header = ("", *table.COLUMNS)
        body = table.rows(field, figures)
        note = f" {arguments.note}" if arguments.note else ""
        content = f"{title}.{note}\n\n{document.markdown(header, body)}"
        if ratios:
            content += "\n\n" + "\n".join(f"- {each}" for each in ratios)
        content += f"\n\n{table.headroom(field, figures)}"
        document.write(document.PERFORMANCE, "comparison", content)
    return 0


def _plot(field: list[Contestant], figures: dict[str, Figures], note: str) -> str:
    bars = [
        plot.Bar(
            each.title,
            figures[each.name].per_cpu_second,
            "limit" if each.is_limit else "ours" if each.is_ours else "peer",
        )
        for each in field
    ]
    bars.sort(key=lambda bar: -bar.spread.median)
    return plot.svg(bars, "Events delivered per CPU-second, Kafka to a TLS endpoint", note)
