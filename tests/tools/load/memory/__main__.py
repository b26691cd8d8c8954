"""`make memory`: what it costs to remember many users, and how long a start with them takes.

make memory                        100,000 users, one event each
make memory USERS=1000000 SELECTED=0.1    a million; some minutes
make memory USERS=20000 EVENTS=100 each with as many insert ids as are remembered
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console
from rich.markdown import Markdown

from tests.tools.load.broker import NoBrokerError
from tests.tools.load.memory.measure import FEW_USERS, Figures, Measure, NotStartedError, TooSlowError
from tests.tools.load.plan import number, whole
from tests.tools.load.rig import rig
from tests.tools.load.settings import DEFAULT
from tests.tools.load.stopping import Shutdown


def main(arguments: Sequence[str]) -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--users", type=whole(2 * FEW_USERS, 5_000_000), default=100_000, help="how many (default: 100,000)")
    add("--events", type=whole(1, 1000), default=1, help="events of each before the measuring (default: 1)")
    add(
        "--selected",
        type=number(0, 1),
        default=1.0,
        help="share of these that are delivered, not only read (default: 1)",
    )
    add("--rate", type=number(1, 20_000), default=500.0, help="events/s while snapshots are looked at (default: 500)")
    add("--epochs", type=whole(1, 60), default=6, help="how many snapshots are looked at (default: 6)")
    add("--epoch-seconds", type=whole(1, 600), default=10, help="[state] epoch_seconds (default: 10)")
    add("--directory", type=Path, default=Path("run/memory"), help="where reports go (default: run/memory)")
    add("--keep", action="store_true", help="keep logs, settings and state beside the report")
    args = parser.parse_args(arguments)
    console = Console(highlight=False)
    directory = args.directory / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    figures = Figures(
        users=args.users,
        events_per_user=args.events,
        selected=args.selected,
        epoch_seconds=args.epoch_seconds,
        live_rate=args.rate,
    )
    text = f"{DEFAULT}\n[state]\nepoch_seconds = {args.epoch_seconds}\n"
    try:
        with Shutdown().on_signals() as shutdown, rig(directory, text=text, keep=args.keep) as around:
            Measure(around, figures, lambda line: console.print(line, style="dim"), shutdown).run(args.epochs)
            machine = around.parts().machine
    except (NoBrokerError, NotStartedError, TooSlowError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    report = "\n".join(_report(figures, machine)) + "\n"
    (directory / "report.md").write_text(report, encoding="utf-8")
    (directory / "figures.json").write_bytes(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2) + b"\n")
    console.print(Markdown(report))
    console.print(f"\n{directory / 'report.md'}", style="dim")
    return 0


def _report(figures: Figures, machine: str) -> Iterator[str]:
    each = f"{figures.events_per_user} events each, {figures.selected:.0%} delivered"
    yield f"# {figures.users:,} remembered users, {each}"
    yield ""
    yield f"One slice, epochs of {figures.epoch_seconds} s; {machine}."
    yield ""
    yield "| | |"
    yield "|---|---:|"
    latency = ", ".join(f"{name} {value} ms" for name, value in figures.live_latency_ms.items())
    stalls = ", ".join(f"{each:,} ms" for each in figures.stalls_ms)
    memory = f"{_mb(figures.rss_idle)} → {_mb(figures.rss_few)} → {_mb(figures.rss_full)}"
    written = f"{_mb(figures.written_per_epoch)} per epoch"
    for name, value in (
        ("memory per user, after a start with them", f"{figures.bytes_per_user_started:,.0f} bytes"),
        (f"memory per user, beyond the first {FEW_USERS:,}, while it runs", f"{figures.bytes_per_user:,.0f} bytes"),
        ("memory: idle → few users → all users", memory),
        ("filled in", f"{figures.fill_seconds:,.0f} s"),
        ("state directory", f"{_mb(figures.state_bytes)}, {figures.state_bytes / figures.users:,.0f} bytes per user"),
        (f"written at {figures.live_rate:,.0f} events/s of random users", written),
        ("CPU at that rate", f"{figures.cpu_live:.0%} of a core"),
        ("broker to answer at that rate", latency),
        ("longest times without an answer, one for each epoch", stalls),
        ("clean stop", f"{figures.stop_seconds:,.1f} s"),
        ("start to first delivery", f"{figures.start_seconds:,.1f} s"),
        ("start to ready", f"{figures.ready_seconds:,.1f} s"),
        ("memory at the start, most → settled", f"{_mb(figures.rss_peak_start)} → {_mb(figures.rss_started)}"),
        ("events without identifiers delivered after the start", f"{figures.delivered_from_memory} of 200"),
    ):
        yield f"| {name} | {value} |"


def _mb(size_bytes: float) -> str:
    return f"{size_bytes / 2**20:,.1f} MB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
