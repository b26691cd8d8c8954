"""Stages: where the microseconds of an event go, from the broker's bytes to AppsFlyer's answer."""

import argparse
import sys
import uuid
from typing import Final, NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from tests.tools.bench import document, rounds, this_stream, traffic
from tests.tools.bench.contestants import LIMIT, STREAM, chosen
from tests.tools.bench.document import PERFORMANCE
from tests.tools.bench.measure import Launch, Measurement, collect
from tests.tools.bench.workplace import Workplace, ready

_WORDS: Final = {
    "librdkafka": "librdkafka's own threads: fetch, check, hand over",
    "source": "messages → records, offsets, room",
    "decode": "JSON → event; its entry in the ledger is opened",
    "select": "«Send events», and the key",
    "identify": "the user's devices, duplicates",
    "translate": "the body: revenue, properties, identifiers, at most 1 KB",
    "window": "micro-batches by lane",
    "sink": "unfinished events, passing them to the sender",
    "sender": "requests, answers, ledger, journal; libcurl, HTTP/2 and TLS",
    "engine": "Bytewax, its grouping by key, snapshots, recovery store (the difference to the whole stream)",
}


class Row(NamedTuple):
    """A stage's share."""

    name: str
    words: str
    per_event_us: float
    """CPU microseconds for each event read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure and print the budget."""
    shape = traffic.Shape(arguments.events, arguments.users)
    with ready(shape, console) as place:
        whole = {each.name: rounds.once(each, "for comparison", place) for each in chosen(STREAM, LIMIT)}
        task = place.progress.add_task("by hand", total=None)
        hand = by_hand(place)
        place.progress.remove_task(task)
    rows = budget(hand, whole[STREAM], shape.events)
    bare_us = 1e6 / whole[LIMIT].per_cpu_second * whole[LIMIT].requests / shape.events
    books_us = hand.bookkeeping_seconds / shape.events * 1e6
    note = (
        f"Of the sender's {_of(rows, 'sender'):.1f} µs, bare libcurl takes {bare_us:.1f} for the same requests. "
        f"Ledger, journal and the list of what is unfinished take {books_us:.1f} µs, within decode, sink and sender."
    )
    table = Table(title=f"{shape.events:,} events, CPU time for each", title_justify="left", box=None)
    for name in ("", "µs", "share"):
        table.add_column(name, justify="left" if not name else "right")
    total = sum(row.per_event_us for row in rows)
    cells = [(row.name, row.words, f"{row.per_event_us:.1f}", f"{row.per_event_us / total:.0%}") for row in rows]
    cells.append(("all", "", f"{total:.1f}", "100%"))
    for name, words, *figures in cells:
        table.add_row(f"[bold]{name}[/]  [dim]{words}[/]", *figures)
    console.print(table)
    console.print(note)
    if arguments.document:
        content = document.markdown(("stage", "µs an event", "share", "what"), [(n, u, s, w) for n, w, u, s in cells])
        document.write(PERFORMANCE, "budget", f"{content}\n\n{note}")
    return 0


class Hand(NamedTuple):
    """What the steps used, driven by hand."""

    read: int
    cpu_seconds: dict[str, float]
    bookkeeping_seconds: float


def by_hand(place: Workplace) -> Hand:
    """Return what the steps use when they are driven by hand. Raises ContestantError."""
    job = place.job(f"by-hand-{uuid.uuid4().hex[:8]}")
    launch = this_stream.launches(job)[0]
    result = job.directory / "result.json"
    settings = str(job.directory / "stream.toml")
    command = [sys.executable, "-m", "tests.tools.bench.by_hand", settings, str(job.topic.selected), str(result)]
    environment = {**launch.environment, "PYTHONPATH": str(this_stream.REPOSITORY)}
    collect(
        [Launch(command, environment, this_stream.REPOSITORY, ends_by_itself=True)],
        job.directory / "processes",
        job.endpoint,
        job.topic.selected,
    )
    return Hand(**orjson.loads(result.read_bytes()))


def budget(hand: Hand, whole: Measurement, events: int) -> list[Row]:
    """Return the stages in the order of the flow; what is left of the whole stream's time is the engine's."""
    used = hand.cpu_seconds
    rows = [Row(name, words, used[name] / hand.read * 1e6) for name, words in _WORDS.items() if name in used]
    whole_us = whole.cpu_seconds / whole.counted * whole.requests / events * 1e6
    rest = max(whole_us - sum(row.per_event_us for row in rows), 0.0)
    return [*rows, Row("engine", _WORDS["engine"], rest)]


def _of(rows: list[Row], name: str) -> float:
    return next(row.per_event_us for row in rows if row.name == name)
