"""Measures what remembering users costs, through the real flow: fill it, snapshot it under load, stop it, start it."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from connectors.state.layout import BALLAST
from tests.tools.load.answers import AnswerLog
from tests.tools.load.children import Child
from tests.tools.load.latencies import percentile
from tests.tools.load.latency_watch import LatencyWatch
from tests.tools.load.produced import Produced
from tests.tools.load.rig import Rig
from tests.tools.load.stream import Stream
from tests.tools.load.waiting import NotStartedError

FEW_USERS: Final = 2000
"""So many are remembered when the measuring begins."""
_FEW_EVENTS: Final = 20
"""Of each of them: together more than `max_pending`, so that what events under way take is there by then as well."""
_AFTER_RESTART: Final = 200
_SLOWEST_PER_SECOND: Final = 400
"""Events per second that a fill must reach, or it is broken off."""
_LOOK_SECONDS: Final = 0.1

Tell = Callable[[str], None]


class TooSlowError(Exception):
    """Something did not come to its end in the time that it has; the message says what."""


@dataclass(slots=True)
class Figures:
    """What was measured. Sizes are in bytes, times in seconds."""

    users: int = 0
    events_per_user: int = 0
    selected: float = 1.0
    """Share of these events that a sync selects; the others teach just as much, and are not delivered."""
    epoch_seconds: int = 0
    live_rate: float = 0.0
    fill_seconds: float = 0.0
    rss_idle: int = 0
    """Of a process that remembers nobody and has done nothing yet."""
    rss_few: int = 0
    rss_full: int = 0
    bytes_per_user: float = 0.0
    bytes_per_user_started: float = 0.0
    """After a start, when nothing has happened yet."""
    state_bytes: int = 0
    """Of the state directory after the stop, without the ballast."""
    live_latency_ms: dict[str, int | None] = field(default_factory=dict)
    written_per_epoch: float = 0.0
    """What the process wrote to its disk under the live load."""
    stalls_ms: list[int] = field(default_factory=list)
    """The longest times without an answer under the live load, longest first: as many as there were epochs."""
    cpu_live: float = 0.0
    """Cores, under the live load."""
    stop_seconds: float = 0.0
    start_seconds: float = 0.0
    """From the start of the process to the first answer."""
    ready_seconds: float = 0.0
    """From the start of the process until it said that it is ready."""
    rss_peak_start: int = 0
    rss_started: int = 0
    delivered_from_memory: int = 0
    """Events without any identifier that were delivered after the start: whoever sent them is still remembered."""


class Measure:
    """Measures one slice."""

    def __init__(self, around: Rig, figures: Figures, tell: Tell, is_over: Callable[[], bool]) -> None:
        self._rig = around
        self._figures = figures
        self._tell = tell
        self._is_over = is_over
        self._seed = 0

    def run(self, epochs: int) -> None:
        """Measure everything. Raises TooSlowError, NotStartedError, KeyboardInterrupt."""
        figures = self._figures
        with self._rig.stream() as stream:
            stream.await_ready(self._is_over)
            figures.rss_idle = self._settled_rss(stream)
            self._fill(stream, FEW_USERS, _FEW_EVENTS)
            figures.rss_few = self._settled_rss(stream)
            begun = time.monotonic()
            self._fill(stream, figures.users, figures.events_per_user)
            figures.fill_seconds = time.monotonic() - begun
            figures.rss_full = self._settled_rss(stream)
            known = self._status(stream)["users"]
            figures.bytes_per_user = (figures.rss_full - figures.rss_few) / max(known - FEW_USERS, 1)
            self._live(stream, epochs)
            self._tell(f"stopping with {known:,} users")
            begun = time.monotonic()
            stream.stop()
            if stream.crashed:
                raise NotStartedError(stream.crashed[0])
            figures.stop_seconds = time.monotonic() - begun
        files = (path for path in self._rig.settings.state.directory.rglob("*") if path.is_file())
        figures.state_bytes = sum(path.stat().st_size for path in files if path.name != BALLAST)
        self._restart()

    def _fill(self, stream: Stream, users: int, events_each: int) -> None:
        """Let each user send some events, and wait until all of it is delivered."""
        count = users * events_each
        self._tell(f"{users:,} users send {events_each} events each")
        before = self._status(stream)["read"]
        wanted = {"users": users, "skew": -1.0, "selected": self._figures.selected}
        generator, _ = self._produce("fill", events=count, rate=0.0, **wanted)
        until = time.monotonic() + 60 + count / _SLOWEST_PER_SECOND
        try:
            while not self._is_done(status := self._status(stream), before + count):
                if time.monotonic() > until:
                    raise TooSlowError(f"{status['read'] - before:,} of {count:,} events were read in time")
                time.sleep(1)
        finally:
            generator.stop()

    def _live(self, stream: Stream, epochs: int) -> None:
        """Look at a few epochs under load: what is written, and for how long nothing is answered."""
        figures, seconds = self._figures, epochs * self._figures.epoch_seconds
        self._tell(f"{figures.live_rate:,.0f} events/s of all of them for {seconds} s")
        process = psutil.Process(stream.children[0].pid)
        count = round(figures.live_rate * seconds)
        generator, produced = self._produce("live", events=count, rate=figures.live_rate, users=figures.users, skew=0.0)
        with produced, AnswerLog(self._rig.endpoint.logs) as log:
            for _ in log.read():
                pass
            watch, times = LatencyWatch(produced), []
            written, cpu, begun = process.io_counters().write_bytes, process.cpu_times(), time.monotonic()
            while not (generator.has_ended and self._is_done(self._status(stream), 0)):
                self._check(stream)
                answers = list(log.read())
                times += [each.at_ms for each in answers]
                watch.take(answers)
                time.sleep(_LOOK_SECONDS)
            elapsed, after = time.monotonic() - begun, process.cpu_times()
        figures.written_per_epoch = (process.io_counters().write_bytes - written) / elapsed * figures.epoch_seconds
        figures.cpu_live = (after.user + after.system - cpu.user - cpu.system) / elapsed
        gaps = sorted((later - sooner for sooner, later in itertools.pairwise(times)), reverse=True)
        figures.stalls_ms = gaps[:epochs]
        figures.live_latency_ms = {f"p{share * 100:g}": percentile(watch.whole, share) for share in (0.5, 0.99, 1.0)}
        generator.stop()

    def _restart(self) -> None:
        """Start it again, with events in the topic that hold no identifier: only who is remembered can be delivered."""
        figures = self._figures
        self._tell("starting again")
        wanted = {"events": _AFTER_RESTART, "rate": 0.0, "users": figures.users, "skew": 0.0}
        generator, produced = self._produce("again", **wanted, without_ids=1.0, introduced=True)
        with produced, AnswerLog(self._rig.endpoint.logs) as log:
            generator.process.wait(60)
            for _ in log.read():
                pass
            begun_ms, begun = time.time() * 1000, time.monotonic()
            with self._rig.stream() as stream:
                process = psutil.Process(stream.children[0].pid)
                seen: list[int] = []
                until = begun + 60 + figures.users / 1000
                while len(seen) < _AFTER_RESTART and time.monotonic() < until:
                    self._check(stream)
                    seen += [each.at_ms for each in log.read()]
                    figures.rss_peak_start = max(figures.rss_peak_start, process.memory_info().rss)
                    if not figures.ready_seconds and self._is_ready(stream):
                        figures.ready_seconds = time.monotonic() - begun
                    time.sleep(_LOOK_SECONDS)
                if seen:
                    figures.start_seconds = (seen[0] - begun_ms) / 1000
                figures.delivered_from_memory = len(seen)
                figures.rss_started = self._settled_rss(stream)
                figures.bytes_per_user_started = (figures.rss_started - figures.rss_idle) / figures.users

    def _produce(self, name: str, **wanted: Any) -> tuple[Child, Produced]:
        self._seed += 1
        name = f"{name}-{self._seed}"
        produced = Produced(self._rig.work / name, wanted["events"])
        traffic = {"selected": 1.0, "without_ids": 0.0, "introduced": False, **wanted}
        generator = self._rig.generator(name, **traffic, burst=1.0, burst_seconds=0.0, seed=self._seed, archive=None)
        return generator, produced

    def _settled_rss(self, stream: Stream) -> int:
        """Wait until a snapshot has been taken after all of it, and return the memory."""
        time.sleep(2.5 * self._figures.epoch_seconds)
        self._check(stream)
        return int(psutil.Process(stream.children[0].pid).memory_info().rss)

    def _status(self, stream: Stream) -> dict[str, Any]:
        self._check(stream)
        status = stream.statuses()[0].status
        # While very much is done between two of its breaths it may not answer in time.
        return status if status is not None else {"read": 0, "in_windows": 1, "unfinished": 1, "users": 0}

    def _is_ready(self, stream: Stream) -> bool:
        status = stream.statuses()[0].status
        return status is not None and bool(status["ready"])

    def _is_done(self, status: dict[str, Any], least_read: int) -> bool:
        return status["read"] >= least_read and not status["in_windows"] and not status["unfinished"]

    def _check(self, stream: Stream) -> None:
        stream.raise_if_ended()
        if self._is_over():
            raise KeyboardInterrupt


__all__ = ["FEW_USERS", "Figures", "Measure", "NotStartedError", "TooSlowError"]
