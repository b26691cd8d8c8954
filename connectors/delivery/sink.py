"""The sink: the end of the flow. Gives what arrives to the outbox, whose state is part of each snapshot.

A `FixedPartitionedSink`, because its snapshot is part of Bytewax's recovery: it holds what is not final yet, and what
it holds is taken up again at the next start. Nothing here blocks, apart from the drain at the end.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.delivery.drain import Drain
from connectors.delivery.items import Item
from connectors.delivery.outbox import Outbox
from connectors.shutdown import Shutdown
from connectors.state.seal import seal

PART: Final = "appsflyer"


class _Partition(StatefulSinkPartition[list[Item], tuple[Any, ...]]):
    def __init__(self, sink: "AppsFlyerSink") -> None:
        self._sink = sink

    def write_batch(self, values: list[list[Item]]) -> None:
        self._sink.drain.raise_errors()
        if self._sink.unsaved_since is None:
            self._sink.unsaved_since = time.monotonic()
        self._sink.outbox.take([item for batch in values for item in batch])

    def snapshot(self) -> tuple[Any, ...]:
        self._sink.drain.raise_errors()
        if self._sink.shutdown.input_is_over:
            self._sink.drain.run()
        began = time.monotonic()
        state = self._sink.outbox.state()
        self._sink.snapshot_taken()
        self._sink.snapshot_seconds = time.monotonic() - began
        self._sink.snapshots += 1
        self._sink.snapshot_at = time.monotonic()
        self._sink.unsaved_since = None
        return seal(state)

    def close(self) -> None:
        if not self._sink.shutdown.input_is_over:  # an error has ended the flow: it takes no longer than a stop
            self._sink.shutdown.request()
        self._sink.drain.run()
        self._sink.drain.close()
        self._sink.closed()


class AppsFlyerSink(FixedPartitionedSink[list[Item], tuple[Any, ...]]):
    """Delivers. One partition per process, because one sender serves all its workers."""

    def __init__(
        self,
        outbox: Outbox,
        drain: Drain,
        shutdown: Shutdown,
        snapshot_taken: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self.outbox = outbox
        self.drain = drain
        self.shutdown = shutdown
        self.snapshot_taken = snapshot_taken
        self.closed = closed
        self.snapshots = 0
        """How many snapshots were taken."""
        self.snapshot_at: float | None = None
        """`time.monotonic()` of the last one."""
        self.snapshot_seconds = 0.0
        """How long the last snapshot took, without the drain at the end."""
        self.unsaved_since: float | None = None
        """`time.monotonic()` when the first items came that are in no snapshot yet; Bytewax asks for none without."""

    def list_parts(self) -> list[str]:
        """Return the one partition's name."""
        return [PART]

    def part_fn(self, item_key: str) -> int:  # noqa: ARG002 - all goes to the one partition
        """Return its place."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: tuple[Any, ...] | None) -> _Partition:  # noqa: ARG002 - there is one
        """Begin, with what an earlier run left unfinished: it was taken up before the flow started."""
        self.outbox.begin()
        return _Partition(self)
