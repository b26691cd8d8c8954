"""Window: items of one lane → micro-batches, by count or by the time since the first item."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bytewax.operators import StatefulBatchLogic

from connectors.appsflyer.items import Item, pack_items
from connectors.ledger.seal import seal
from connectors.metrics.buckets import Buckets
from connectors.metrics.level import Level

STATE_VERSION: Final = 1


class MicroBatch(StatefulBatchLogic[Item, list[Item], tuple[Any, ...]]):
    """Emits at `max_events`, or `max_wait` after the first item, whichever is first.

    (`bytewax.operators.collect` restarts its timeout with every item, and so never emits under a trickle.)
    """

    def __init__(
        self,
        items: list[Item],
        max_events: int,
        max_wait: timedelta,
        now: Callable[[], datetime],
        fill: Level | None = None,
        emitted: Buckets | None = None,
    ) -> None:
        """`fill` is the level of what all windows hold, and `emitted` counts batches by their size."""
        self._fill = fill or Level()
        self._emitted = emitted or Buckets(())
        self._fill.move(len(items))
        self._items = items
        self._max_events = max_events
        self._max_wait = max_wait
        self._now = now
        self._due = now() if items else None  # what an earlier run left has waited long enough

    def on_batch(self, values: list[Item]) -> tuple[list[list[Item]], bool]:
        """Add the items; emit full batches."""
        if not self._items:
            self._due = self._now() + self._max_wait
        before = len(self._items)
        self._items.extend(values)
        emitted: list[list[Item]] = []
        while len(self._items) >= self._max_events:
            emitted.append(self._items[: self._max_events])
            self._emitted.add(self._max_events)
            self._items = self._items[self._max_events :]
            self._due = self._now() + self._max_wait
        self._fill.move(len(self._items) - before)
        return emitted, not self._items

    def on_notify(self) -> tuple[list[list[Item]], bool]:
        """Emit what has waited long enough."""
        return self._let_go()

    def on_eof(self) -> tuple[list[list[Item]], bool]:
        """Emit the rest."""
        return self._let_go() if self._items else ([], StatefulBatchLogic.DISCARD)

    def _let_go(self) -> tuple[list[list[Item]], bool]:
        self._fill.move(-len(self._items))
        self._emitted.add(len(self._items))
        return [self._items], StatefulBatchLogic.DISCARD

    def notify_at(self) -> datetime | None:
        """Return when the batch is due."""
        return self._due

    def snapshot(self) -> tuple[Any, ...]:
        """Return the items as builtins, sealed."""
        return seal((STATE_VERSION, pack_items(self._items)))


def utc_now() -> datetime:
    """Return the time as Bytewax wants it."""
    return datetime.now(UTC)
