"""The progress of a rekeying: a bar for people at a terminal, a line a minute in the log elsewhere."""

import time
from threading import Event, Thread
from typing import Final, NamedTuple

import structlog

from connectors.limited_log import write_counts
from flows.runtime.bar import bar_of_counts
from flows.runtime.rekey.wiring import Rekeying

log = structlog.get_logger()

_LOOK_SECONDS: Final = 0.5


class _Reading(NamedTuple):
    at: float
    read: int
    written: int


class RekeyProgress:
    """Tells it from a thread of its own, until the flow stops."""

    def __init__(self, process: Rekeying, every_seconds: float) -> None:
        """`every_seconds` is how often the line is written; 0 is never."""
        self._process = process
        self._every_seconds = every_seconds
        self._stopped = Event()
        self._bar = bar_of_counts("rekeying", "records, {task.fields[pending]:,} on their way")
        self._task = self._bar.add_task("rekey", total=None, pending=0)

    def start(self) -> None:
        """Begin."""
        self._bar.start()
        run = self._write_lines if self._bar.disable else self._show
        if self._every_seconds > 0 or not self._bar.disable:
            Thread(target=run, name="progress", daemon=True).start()

    def stop(self) -> None:
        """Tell no more, but what repeated itself and was not told yet."""
        self._stopped.set()
        self._bar.stop()
        write_counts()

    def _show(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            now, lag = self._look(), self._lag()
            total = None if lag is None else now.read + lag
            self._bar.update(self._task, completed=now.read, total=total, pending=self._process.ledger.open_events)

    def _write_lines(self) -> None:
        before = self._look()
        while not self._stopped.wait(self._every_seconds):
            now, lag = self._look(), self._lag()
            seconds = max(now.at - before.at, 0.001)
            log.info(
                "progress",
                read=now.read,
                written=now.written,
                pending=self._process.ledger.open_events,
                read_per_minute=round((now.read - before.read) * 60 / seconds),
                written_per_minute=round((now.written - before.written) * 60 / seconds),
                **({} if lag is None else {"lag_records": lag}),
            )
            write_counts()
            before = now

    def _look(self) -> _Reading:
        return _Reading(time.monotonic(), self._process.counts.records, self._process.written)

    def _lag(self) -> int | None:
        lags = [each.lag_events for each in self._process.kafka.progress() if each.lag_events is not None]
        return sum(lags) if lags else None
