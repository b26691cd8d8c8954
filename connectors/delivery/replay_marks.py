"""What a replay remembers of the fates that its outbox writes, so that no later replay sends the same again."""

from collections.abc import Mapping, Sequence

from connectors.delivery.items import Item, key_of
from connectors.state.replay_log import ReplayLog


class ReplayMarks:
    """A `FateObserver` over the replay log.

    It marks what comes to its end under the earlier names of its sync as well, so that no third name gets it again.
    """

    def __init__(self, marks: ReplayLog, earlier_names: Mapping[str, Sequence[str]]) -> None:
        self._marks = marks
        self._earlier_names = earlier_names

    def final(self, item: Item, fate: str) -> None:
        """Mark it: as delivered, or as a dead letter again, which is durable."""
        position, sync, copy = key_of(item)
        for name in (sync, *self._earlier_names.get(sync or "", ())):
            self._marks.record((position, name, copy), item.replays, fate)

    def earlier_fate(self, item: Item) -> str | None:
        """Return its fate where another replay brought it to its end while this one was interrupted."""
        return self._marks.fate(key_of(item), item.replays - 1)

    def flush(self) -> None:
        """Make the marks durable. Raises OSError."""
        self._marks.flush()
