"""The stream's own parts driven by hand, without the engine, with the CPU time of each step taken down.

    python -m tests.tools.bench.by_hand SETTINGS EXPECTED RESULT

Real broker, real endpoint, ledger and journal on. What the engine, its snapshots and its recovery store cost is the
difference to the whole stream, measured beside it.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from connectors.delivery.delivery import Delivery
from connectors.delivery.in_flight import FRESH
from connectors.delivery.items import Item
from connectors.delivery.sink import PART
from flows.domain.event import Event, Position, Record
from flows.domain.punctuation import Punctuation
from flows.runtime.start import _collect_garbage_rarely
from flows.runtime.stream import Stream
from flows.settings import load
from tests.fixtures.wired import stream_of

if TYPE_CHECKING:
    from flows.operators.identify import IdentifyLogic
    from flows.operators.window import MicroBatch

_STALL_SECONDS = 60.0
_IDLE_SECONDS = 0.001
_ROUND = 32
"""Answers that come together, as under load."""
_Result = TypeVar("_Result")


class ByHand:
    """One process's parts, and what each step has used."""

    def __init__(self, settings: Path) -> None:
        self.process = stream_of(load(settings), has_recovery=True)
        self.process.connect()
        source: Any = self.process.source
        self.parts = [source.build_part("source", name, None) for name in source.list_parts()]
        self.sink = self.process.sink.build_part("deliver", PART, None)
        self.users: dict[str, IdentifyLogic] = {}
        self.windows: dict[str, MicroBatch] = {}
        self.cpu: dict[str, float] = defaultdict(float)
        self.read = 0

    def step(self) -> bool:
        """Take one batch of every partition through all steps; return whether there was any."""
        busy = False
        for part in self.parts:
            records = self._timed("source", part.next_batch)
            if records:
                busy = True
                self._through(records)
        for lane, window in list(self.windows.items()):
            batches, is_over = self._timed("window", window.on_notify)
            if is_over:
                del self.windows[lane]
                self._timed("sink", self.sink.write_batch, batches)
        return busy

    def sender_cpu_seconds(self) -> float:
        """Return what the sender's thread has used."""
        sender = self.process.parts.sender
        ident = sender._runner.ident if sender is not None else None
        return time.clock_gettime(time.pthread_getcpuclockid(ident)) if ident is not None else 0.0

    def _through(self, records: list[Record | Punctuation]) -> None:
        self.read += sum(not isinstance(each, Punctuation) for each in records)
        decoded = self._timed("decode", self.process.decode, records)
        events = [each for each in decoded if isinstance(each, Event | Punctuation)]
        keyed = self._timed("select", self.process.compiled.select, events)
        grouped: dict[str, list[Any]] = defaultdict(list)  # as the engine does it
        for key, value in keyed:
            grouped[key].append(value)
        identified = self._timed("identify", self._identify, grouped)
        items = self._timed("translate", self.process.compiled.translate, identified)
        lanes: dict[str, list[Item]] = defaultdict(list)
        for lane, item in items:
            lanes[lane].append(item)
        batches = self._timed("window", self._window, lanes)
        if batches:
            self._timed("sink", self.sink.write_batch, batches)

    def _identify(self, grouped: dict[str, list[Any]]) -> list[tuple[str, Any]]:
        identified = []
        for bucket, values in grouped.items():
            users = self.users.get(bucket)
            if users is None:
                users = self.users[bucket] = self.process.users_logic(None)
            outgoing, _ = users.on_batch(values)
            users.notify_at()  # the engine asks after each call
            identified += [(bucket, each) for each in outgoing]
        return identified

    def _window(self, lanes: dict[str, list[Item]]) -> list[list[Item]]:
        batches: list[list[Item]] = []
        for lane, items in lanes.items():
            window = self.windows.get(lane)
            if window is None:
                window = self.windows[lane] = self.process.micro_batch(None)
            emitted, is_empty = window.on_batch(items)
            batches += emitted
            if is_empty:
                del self.windows[lane]
        return batches

    def _timed(self, name: str, call: Callable[..., _Result], *given: Any) -> _Result:
        began = time.thread_time()
        result = call(*given)
        self.cpu[name] += time.thread_time() - began
        return result


def bookkeeping_seconds(process: Stream, count: int) -> float:
    """Return what the ledger, the journal and the list of what is unfinished take for so many deliveries."""
    sync = process.ledger.sync_names[0]
    positions = [Position("bookkeeping", 0, offset) for offset in range(count)]
    deliveries = [Delivery(sync, 0, "", "", b"", b"", None, position, 0) for position in positions]
    began = time.thread_time()
    for start in range(0, count, _ROUND):
        process.ledger.open_all(positions[start : start + _ROUND])
        taken = [process.outbox._add(delivery, FRESH) for delivery in deliveries[start : start + _ROUND]]
        for in_flight in taken:
            process.outbox.delivered(in_flight)
        process.journal.flush()
    return time.thread_time() - began


def main(settings: str, expected: int, result: str) -> int:
    """Run until everything is delivered."""
    hand = ByHand(Path(settings))
    _collect_garbage_rarely()
    ledger = hand.process.ledger
    main_began, all_began = time.thread_time(), time.process_time()
    moved_at, before = time.monotonic(), 0
    while (delivered := ledger.syncs[0].delivered) < expected:
        if delivered > before:
            before, moved_at = delivered, time.monotonic()
        if time.monotonic() - moved_at > _STALL_SECONDS:
            sys.stderr.write(f"stands at {delivered} of {expected}\n")
            return 1
        if not hand.step():
            time.sleep(_IDLE_SECONDS)
    main_seconds = time.thread_time() - main_began
    sender = hand.sender_cpu_seconds()
    used = {
        **hand.cpu,
        "driver": main_seconds - sum(hand.cpu.values()),
        "sender": sender,
        "librdkafka": time.process_time() - all_began - main_seconds - sender,
    }
    bookkeeping = bookkeeping_seconds(hand.process, expected)
    hand.sink.close()
    Path(result).write_bytes(orjson.dumps({"read": hand.read, "cpu_seconds": used, "bookkeeping_seconds": bookkeeping}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
