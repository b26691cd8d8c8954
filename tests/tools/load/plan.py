"""The plan: what a load test is asked for, checked and bounded before anything starts."""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.tools.load.pace import Pace

DESCRIPTION: Final = """\
A load test: events into a real Kafka, this stream as real processes, a TLS endpoint that notes when each event was
answered, and a report of rates, latency, CPU, memory and what limited it.

    make load                                      a minute at 1,000 events a second
    make load RATE=3000 MINUTES=10 SLICES=2        more of it, on two slices
    make load RATE=0 EVENTS=200000                 as fast as it goes: what is the most?
    make load ARCHIVE=export.zip SETTINGS=stream.toml     your events and your filters

All of it stays on this machine, whatever the settings say: nothing is ever sent to AppsFlyer. Ctrl-C ends it early,
with a report of what there is.
"""

MOST_EVENTS: Final = 20_000_000
MOST_MINUTES: Final = 240.0
_MOST_RATE: Final = 200_000.0
_MOST_USERS: Final = 10_000_000
_MOST_SLICES: Final = 64
_DEFAULT_SECONDS: Final = 60.0
_UNPACED_EVENTS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Plan:
    """One load test."""

    events: int
    """How many are produced, at the most."""
    rate: float
    """Events per second; 0 is as fast as the generator can."""
    users: int
    skew: float
    """Zipf's exponent: 0 is every user alike, 1 is what many products see."""
    selected: float
    """Share of events that the syncs select."""
    without_ids: float
    """Share of events that do not carry their device's identifiers themselves."""
    burst: float
    """How many times the rate, in the middle of the run."""
    burst_seconds: float
    slices: int
    answer_ms: int
    """How long the endpoint takes for an answer, beyond what it takes anyway."""
    endpoint: str
    """`nginx` or `python`; empty is what fits."""
    limit: float
    """`max_requests_per_second`, of each app; 0 leaves what the settings say."""
    archive: Path | None
    settings: Path | None
    seed: int
    directory: Path
    """Where the report goes."""
    keep: bool
    """Leave state, logs and settings of the run beside the report."""

    @property
    def pace(self) -> Pace:
        """How many events are due when."""
        return Pace(self.events, self.rate, self.burst, self.burst_seconds)

    @property
    def mean_rate(self) -> float:
        """Events per second over the whole run, the burst among it; 0 is as fast as the generator can."""
        return self.events / self.pace.ends_s if self.rate else 0.0


def parse(arguments: Sequence[str]) -> Plan:
    """Read the command line. Exits with 2 and a message where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make load", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--events", type=whole(1, MOST_EVENTS), help="how many at the most (default: a minute's, or 200,000)")
    add("--minutes", type=number(0.01, MOST_MINUTES), help="how long events are produced")
    add("--rate", type=number(0, _MOST_RATE), default=1000.0, help="events per second; 0 is as fast as it goes")
    add("--users", type=whole(1, _MOST_USERS), default=20_000, help="how many invented users (default: 20,000)")
    add("--skew", type=number(0, 3), default=1.0, help="Zipf's exponent; 0 is every user alike (default: 1)")
    add("--selected", type=number(0, 1), default=0.8, help="share that the syncs select (default: 0.8)")
    add("--without-ids", type=number(0, 1), default=0.1, help="share without identifiers (default: 0.1)")
    add("--burst", type=number(1, 100), default=1.0, help="times the rate, in the middle (default: 1, no burst)")
    add("--burst-seconds", type=number(1, 600), default=10.0, help="how long the burst lasts (default: 10)")
    add("--slices", type=whole(1, _MOST_SLICES), default=1, help="processes of the stream (default: 1)")
    add("--answer-ms", type=whole(0, 10_000), default=0, help="how long the endpoint thinks (default: 0)")
    add("--endpoint", choices=("nginx", "python"), default="", help="what answers (default: nginx, where there is one)")
    add("--limit", type=number(0, 1_000_000), default=0.0, help="requests per second of each app; 0 is as settings say")
    add("--archive", type=_file, help="an Amplitude Export archive whose events are sent, again and again")
    add("--settings", type=_file, help="your stream.toml: filters, properties and identities are taken from it")
    add("--seed", type=whole(0, 2**31), default=1, help="of everything that is invented (default: 1)")
    add("--directory", type=Path, default=Path("run/load"), help="where reports go (default: run/load)")
    add("--keep", action="store_true", help="keep logs, settings and state of the run beside the report")
    args = parser.parse_args(arguments)
    if args.endpoint == "nginx" and args.answer_ms:
        parser.error("nginx answers at once; leave out --answer-ms or --endpoint")
    return of(args)


def of(args: argparse.Namespace) -> Plan:
    """Return the plan of a command line."""
    events = args.events
    if not args.rate:
        events = events or _UNPACED_EVENTS
    elif args.minutes or not events:
        of_minutes = round(args.rate * (args.minutes * 60 if args.minutes else _DEFAULT_SECONDS))
        events = min(events or MOST_EVENTS, max(of_minutes, 1))
    names = [each for each in Plan.__slots__ if each != "events"]
    return Plan(events=events, **{name: getattr(args, name) for name in names})


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a flag's type: a number within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"found {text!r}; expected a number from {low:g} to {high:,g}")
        return value

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a flag's type: a whole number within bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"found {text!r}; expected a whole number from {low:,} to {high:,}")
        return int(text)

    return read


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be read; expected a file")
    return path
