"""Fetch past events from Amplitude's Export API: an archive for each hour, in the directory of [pull].

    python -m flows pull --from 2026-11-01T00 --to 2026-11-02T23

An hour is that in which Amplitude has taken the events (server_upload_time, UTC), and is there two hours after its end.
What is there already is not asked for again, so that the same command goes on where it was stopped. An hour without
data is asked for again by the next pull. [source] kind = "files" reads the archives; docs/history.md has the way.

Exit code 0 when all hours are there or have no data, 1 when some could not be had, 2 when nothing was started.
"""

import argparse
import glob
import itertools
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from connectors.export_api.hours import name_of, parse_hour
from connectors.finding import count
from connectors.state.private import keep_private
from flows.domain.printable import printable
from flows.operations.pull import HourDone, HourOutcome, Pause, PullPlan, Receiving, plan_pull, pull
from flows.refusal import ExitCode
from flows.runtime.bar import bar_of_counts
from flows.settings import load

SUMMARY: Final = "fetch past events from Amplitude's Export API, as archives that the stream reads"

_MOST_NAMED: Final = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--from", dest="first", type=_hour, required=True, metavar="HOUR", help="the first hour, such as 2026-11-01T00"
    )
    parser.add_argument(
        "--to", dest="last", type=_hour, metavar="HOUR", help="the last hour (default: the last that Amplitude has)"
    )


def _hour(text: str) -> datetime:
    try:
        return parse_hour(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {printable(text)!r}; expected an hour in UTC; write for example 2026-11-01T00"
        ) from None


def run(args: argparse.Namespace) -> int:
    """Pull, show how far it is, and say what is there now."""
    keep_private()
    settings = load(args.settings)
    plan = plan_pull(settings, args.first, args.last, datetime.now(UTC))
    with _Shown(plan) as shown:
        done = pull(plan, shown.step)
    sys.stdout.writelines(f"{line}\n" for line in _summary(plan, done))
    if any(each.outcome in (HourOutcome.PULLED, HourOutcome.THERE) for each in done):
        paths = _paths(plan.settings.directory, settings.path.parent)
        sys.stdout.write(f'the stream reads the archives with [source] kind = "files", paths = ["{paths}"]\n')
    return ExitCode.FAILED if _with(done, HourOutcome.LEFT_OUT) else ExitCode.DONE


class _Shown:
    """How far it is: a bar on a terminal; elsewhere a line for each day, and one for each thing that goes wrong."""

    def __init__(self, plan: PullPlan) -> None:
        self._bar = bar_of_counts("pulling", "hours, {task.fields[now]}")
        self._task = self._bar.add_task("pull", total=plan.count, now="")
        self._last = plan.last
        self._day: list[HourDone] = []

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, step: HourDone | Receiving | Pause) -> None:
        """Show one step."""
        match step:
            case Receiving(hour, size_bytes):
                how_far = _megabytes(size_bytes) if size_bytes else "asked for"
                self._bar.update(self._task, now=f"{name_of(hour)}: {how_far}")
            case Pause(hour, why, seconds):
                self._bar.update(self._task, now=f"{name_of(hour)}: waiting")
                self._say(f"{name_of(hour)}: {why}; asked again in {seconds:g} s")
            case HourDone():
                self._bar.update(self._task, advance=1, now=name_of(step.hour))
                if step.outcome is HourOutcome.LEFT_OUT:
                    self._say(f"{name_of(step.hour)}: {step.why}")
                self._note(step)

    def _note(self, done: HourDone) -> None:
        self._day.append(done)
        if done.hour == self._last or done.hour.hour == 23:  # noqa: PLR2004 - the day's last
            if self._bar.disable:
                self._say(f"{done.hour:%Y-%m-%d}: {_counted(self._day)}")
            self._day = []

    def _say(self, line: str) -> None:
        """Write it to standard error, above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _summary(plan: PullPlan, done: Sequence[HourDone]) -> Iterable[str]:
    yield f"{name_of(plan.first)} to {name_of(plan.last)}: {_counted(done)}"
    if empty := _with(done, HourOutcome.NO_DATA):
        yield f"no data: {_named(empty)}; the next pull asks for {'it' if len(empty) == 1 else 'them'} again"
    if left := _with(done, HourOutcome.LEFT_OUT):
        yield f"left out: {_named(left)}; Amplitude's export to Amazon S3 has {'it' if len(left) == 1 else 'them'}"


def _paths(directory: Path, base: Path) -> str:
    """Return how a settings file in `base` names the archives."""
    place = directory.relative_to(base) if directory.is_relative_to(base) else directory
    return f"{glob.escape(str(place))}/*.zip"


def _counted(done: Sequence[HourDone]) -> str:
    """Return what became of hours: `22 archives (14.1 MB), 2 hours without data`."""
    pulled = _with(done, HourOutcome.PULLED)
    parts = [f"{count(len(pulled), 'archive')} ({_megabytes(sum(each.size_bytes for each in done))})"] if pulled else []
    for outcome, words in (
        (HourOutcome.THERE, "there before"),
        (HourOutcome.NO_DATA, "without data"),
        (HourOutcome.LEFT_OUT, "left out"),
    ):
        if found := _with(done, outcome):
            parts.append(f"{count(len(found), 'hour')} {words}")
    return ", ".join(parts)


def _with(done: Iterable[HourDone], outcome: HourOutcome) -> list[HourDone]:
    return [each for each in done if each.outcome is outcome]


def _named(done: Sequence[HourDone]) -> str:
    named = [name_of(each.hour) for each in itertools.islice(done, _MOST_NAMED)]
    more = len(done) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:,.1f} MB"
