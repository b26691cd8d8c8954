"""Window: items of one lane → micro-batches, by count or by the time since the first item."""

from datetime import datetime
from typing import Any, Final

from bytewax.operators import StatefulBatchLogic

from connectors.delivery.items import Item, pack_items
from connectors.pace import AT_ONCE, Pace
from connectors.state.seal import seal
from connectors.state.step_states import packed_window
from flows.domain.gauge import Gauge
from flows.domain.histogram import Histogram

_MOST_BYTES: Final = 1 << 20
"""A window whose events are more is full, however few they are."""


class MicroBatch(StatefulBatchLogic[Item, list[Item], tuple[Any, ...]]):
    """Emits at `max_events`, at 1 MB, or `max_wait_seconds` after the first item, whichever is first.

    The time is that of `pace`'s steady clock.

    (`bytewax.operators.collect` restarts its timeout with every item, and so never emits under a trickle.)
    """

    def __init__(
        self,
        items: list[Item],
        max_events: int,
        max_wait_seconds: float,
        pace: Pace,
        fill: Gauge | None = None,
        emitted: Histogram | None = None,
    ) -> None:
        """`fill` is the level of what all windows hold, and `emitted` counts batches by their size."""
        self._fill = fill or Gauge()
        self._emitted = emitted or Histogram(())
        self._fill.move(len(items))
        self._items = items
        self._size_bytes = sum([len(each.value) for each in items])
        self._max_events = max_events
        self._max_wait = max_wait_seconds
        self._pace = pace
        self._due_s = pace.clock()  # what an earlier run left has waited long enough

    def on_batch(self, values: list[Item]) -> tuple[list[list[Item]], bool]:
        """Add the items; emit full batches."""
        if not self._items:
            self._due_s = self._pace.clock() + self._max_wait
        before = len(self._items)
        self._items.extend(values)
        emitted: list[list[Item]] = []
        for each in values:
            self._size_bytes += len(each.value)
        while len(self._items) >= self._max_events:
            emitted.append(self._items[: self._max_events])
            self._emitted.add(self._max_events)
            self._items = self._items[self._max_events :]
            self._size_bytes = sum([len(each.value) for each in self._items])
            self._due_s = self._pace.clock() + self._max_wait
        if self._size_bytes > _MOST_BYTES:
            emitted.append(self._items)
            self._emitted.add(len(self._items))
            self._items, self._size_bytes = [], 0
        self._fill.move(len(self._items) - before)
        if not self._items:
            self._pace.leave(self)
        return emitted, not self._items

    def on_notify(self) -> tuple[list[list[Item]], bool]:
        """Emit what has waited long enough; it is called in every round."""
        if self._pace.clock() >= self._due_s:
            return self._let_go()
        self._pace.rest(self)
        self._pace.wake_at(self._due_s)
        return [], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[list[Item]], bool]:
        """Emit the rest."""
        return self._let_go() if self._items else ([], StatefulBatchLogic.DISCARD)

    def _let_go(self) -> tuple[list[list[Item]], bool]:
        self._pace.leave(self)
        self._fill.move(-len(self._items))
        self._emitted.add(len(self._items))
        return [self._items], StatefulBatchLogic.DISCARD

    def notify_at(self) -> datetime | None:
        """Return a time that is over: it looks by itself, by a steady clock, whether the batch is due."""
        return AT_ONCE if self._items else None

    def snapshot(self) -> tuple[Any, ...]:
        """Return the items as builtins, sealed."""
        return seal(packed_window(pack_items(self._items)))
