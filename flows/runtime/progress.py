"""Progress: one line a minute, which says that the stream works and whether it keeps up. Otherwise it is silent.

Over archives a terminal shows a bar instead.
"""

import os
from threading import Event, Thread
from typing import Any, Final, NamedTuple

import structlog

from connectors.kinds import source_of
from connectors.limited_log import write_counts
from flows.observe.metrics.lag import lag_seconds
from flows.observe.parts import Parts
from flows.runtime.bar import bar_of_bytes

log = structlog.get_logger()

EVERY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.25
_A_DAY_SECONDS: Final = 86_400.0
_VARIABLE: Final = "STREAM_PROGRESS_SECONDS"


class Counts(NamedTuple):
    """What has been counted since the start."""

    read: int
    delivered: int
    dead_lettered: int


def count(parts: Parts) -> Counts:
    """Return the counts of now, over all syncs."""
    ledger = parts.ledger
    letters = ledger.refused.total() + sum(each.dead_lettered.total() for each in ledger.syncs)
    return Counts(ledger.read, sum(each.delivered for each in ledger.syncs), letters)


def describe(parts: Parts, before: Counts, after: Counts, seconds: float) -> dict[str, Any]:
    """Return the line's fields: totals since the start, rates since the last line."""
    line: dict[str, Any] = {
        **after._asdict(),
        "pending": parts.ledger.open_events,
        "read_per_minute": round((after.read - before.read) * 60 / seconds),
        "delivered_per_minute": round((after.delivered - before.delivered) * 60 / seconds),
    }
    behind = [each for each in parts.source.progress() if each.lag_events is not None] if parts.source else []
    if behind:
        line["lag_events"] = sum(each.lag_events or 0 for each in behind)
        late = (lag_seconds(parts, each.lag_events or 0, each.last_record_ms) for each in behind)
        line["lag_seconds"] = round(max(late), 1)
    return line


class Progress:
    """Writes the line, from a thread of its own, until the stream stops."""

    def __init__(self, parts: Parts, every_seconds: float) -> None:
        self._parts = parts
        self._every_seconds = every_seconds
        self._stopped = Event()
        self._bar = bar_of_bytes("reading", is_shown=source_of(parts.settings.source).ends)

    def start(self) -> None:
        """Begin; 0 seconds is never. Where a bar is shown over archives, no lines are written."""
        if not self._bar.disable:
            self._bar.start()
            Thread(target=self._show, name="progress", daemon=True).start()
        elif self._every_seconds > 0:
            Thread(target=self._run, name="progress", daemon=True).start()

    def stop(self) -> None:
        """Write no more lines, but what repeated itself and was not told yet."""
        self._stopped.set()
        self._bar.stop()
        write_counts()

    def _show(self) -> None:
        task = self._bar.add_task("reading", total=None)
        while not self._stopped.wait(_LOOK_SECONDS):
            source = self._parts.source
            if source is not None and (read := source.bytes_read) is not None:
                self._bar.update(task, completed=read.read_bytes, total=read.total_bytes)

    def _run(self) -> None:
        clock = self._parts.heartbeat.clock
        before, at = count(self._parts), clock()
        while not self._stopped.wait(self._every_seconds):
            after, now = count(self._parts), clock()
            log.info("progress", **describe(self._parts, before, after, max(now - at, 0.001)))
            write_counts()
            before, at = after, now


def interval_seconds() -> float:
    """Return how often the line is written: every minute, or as STREAM_PROGRESS_SECONDS says; 0 is never."""
    try:
        seconds = float(os.environ.get(_VARIABLE) or EVERY_SECONDS)
    except ValueError:
        return EVERY_SECONDS
    return seconds if 0 <= seconds <= _A_DAY_SECONDS else EVERY_SECONDS
