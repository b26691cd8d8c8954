"""Make a sample archive, as Amplitude's Export API gives it, of the invented hiking app «Trailmix».

    python -m examples.sample_archive sample.zip --end 2026-01-15T11:30:00Z

The same arguments give the same bytes. The events happen in the two hours before `--end`. AppsFlyer takes yesterday's
events for today's when they arrive after 02:00 UTC, so that with an `--end` of just now none of them is late.
"""

import argparse
import gzip
import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import orjson

from examples.sample.broken import BROKEN
from examples.sample.expected import Expected, expect, outcome, properties
from examples.sample.people import people, random_uuid
from examples.sample.rows import APP, Act, Row, export_row
from examples.sample.settings import SETTINGS_TEMPLATE, settings_text
from examples.sample.visits import Visits

__all__ = ["DEFAULT_END", "SETTINGS_TEMPLATE", "Expected", "Sample", "generate", "main", "settings_text"]

DEFAULT_END: Final = datetime(2026, 1, 15, 11, 30, tzinfo=UTC)
_SPAN: Final = timedelta(minutes=118)
_LAST_VISIT: Final = timedelta(minutes=5)
_MAX_PART_ROWS: Final = 400
_ROWS_PER_REPETITION: Final = 100
"""One row in so many comes twice, as SDKs send again what they believe lost."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample: the members of the zip, and what the stream has to make of them."""

    members: tuple[tuple[str, bytes], ...]
    """Name and gzipped content, in natural order."""
    expected: Expected

    def archive(self) -> bytes:
        """Return the zip."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in self.members:
                # The earliest time that a zip can state: the bytes must not depend on when they were made.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        return packed.getvalue()


def generate(events: int = 2000, users: int = 150, seed: int = 7, end: datetime = DEFAULT_END) -> Sample:
    """Return a sample with that many events of that many users, and the broken lines besides.

    `end` is a time with a zone; no event is after it, none two hours before it. Raises ValueError if `events` or
    `users` is below 1.
    """
    if events < 1 or users < 1:
        raise ValueError("events and users must be at least 1")
    rng = Random(seed)  # noqa: S311 - repeatable on purpose; nothing here is secret
    acts = _acts(events, users, end.astimezone(UTC), rng)
    rows = [export_row(act, number, rng) for number, act in enumerate(acts, 1)]
    repetitions = _repetitions(rows[: events - events // _ROWS_PER_REPETITION], events // _ROWS_PER_REPETITION, rng)
    rows = rows[: events - len(repetitions)]
    refused = Counter(reason for _, reason in BROKEN)
    return Sample(
        members=tuple(_members(rows + repetitions, rng)),
        expected=expect(rows, duplicates=len(repetitions), refused=dict(refused)),
    )


def _acts(count: int, users: int, end: datetime, rng: Random) -> list[Act]:
    """Return that many acts in the order of their time."""
    everybody = [Visits(person, rng) for person in people(users, rng)]
    rng.shuffle(everybody)
    visits: list[list[Act]] = []
    acted = 0
    while acted < count:
        visit = list(everybody[len(visits) % len(everybody)].visit())
        visits.append(visit)
        acted += len(visit)
    end_ms = int(end.timestamp() * 1000)
    first_ms = end_ms - int(_SPAN.total_seconds() * 1000)
    last_ms = end_ms - int(_LAST_VISIT.total_seconds() * 1000)
    starts = sorted(rng.randrange(first_ms, last_ms) for _ in visits)
    acts = [
        replace(act, time_ms=start_ms + act.time_ms, session_ms=start_ms)
        for start_ms, visit in zip(starts, visits, strict=True)
        for act in visit
    ]
    return sorted(acts, key=lambda act: act.time_ms)[:count]


def _repetitions(rows: list[Row], count: int, rng: Random) -> list[Row]:
    """Return rows that come a second time, some seconds later: the same event by its `$insert_id`."""
    # A row that carries its own AppsFlyer id is delivered for certain, so its repetition is a duplicate for certain.
    sure = [row for row in rows if "appsflyer_id" in properties(row) and outcome(row, set()) == "no_appsflyer_id"]
    chosen = rng.sample(sure, min(len(sure), count))
    return [row | {"uuid": random_uuid(rng), "server_upload_time": _later(row, rng)} for row in chosen]


def _later(row: Row, rng: Random) -> str:
    uploaded = datetime.fromisoformat(row["server_upload_time"]) + timedelta(seconds=rng.randrange(1, 20))
    return f"{uploaded:%Y-%m-%d %H:%M:%S.%f}"


def _members(rows: list[Row], rng: Random) -> Iterator[tuple[str, bytes]]:
    """Yield the members: a file for each hour of upload, in parts if it is long."""
    by_hour: dict[datetime, list[bytes]] = {}
    for row in sorted(rows, key=lambda row: str(row["server_upload_time"])):
        hour = datetime.fromisoformat(row["server_upload_time"]).replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(hour, []).append(orjson.dumps(row))
    first = next(iter(by_hour.values()))
    for line, _ in BROKEN:
        first.insert(rng.randrange(len(first) + 1), line)
    for hour, lines in by_hour.items():
        for part, begin in enumerate(range(0, len(lines), _MAX_PART_ROWS)):
            content = b"".join(line + b"\n" for line in lines[begin : begin + _MAX_PART_ROWS])
            yield f"{APP}/{APP}_{hour:%Y-%m-%d}_{hour.hour}#{part}.json.gz", gzip.compress(content, mtime=0)


def main(arguments: list[str]) -> None:
    """Write a sample archive as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m examples.sample_archive", description="Make a sample archive.")
    parser.add_argument("output", type=Path, help="the zip to write")
    parser.add_argument("--events", type=_at_least_one, default=2000, help="default: %(default)s")
    parser.add_argument("--users", type=_at_least_one, default=150, help="default: %(default)s")
    parser.add_argument(
        "--seed", type=int, default=7, help="the same seed gives the same sample (default: %(default)s)"
    )
    parser.add_argument(
        "--end",
        type=_moment,
        default=DEFAULT_END,
        help="when the events end: ISO 8601, UTC unless it says otherwise (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    sample = generate(chosen.events, chosen.users, chosen.seed, chosen.end)
    chosen.output.write_bytes(sample.archive())
    print(json.dumps(sample.expected.summary(), indent=2))  # noqa: T201 - what the stream's summary has to show


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no time like 2026-01-15T11:30:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    main(sys.argv[1:])
