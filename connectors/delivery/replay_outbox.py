"""What a replay has taken and is not final yet, as in the stream; and a mark for what comes to its end."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.delivery.delivery import Delivery
from connectors.delivery.items import Item, key_of
from connectors.delivery.outbox import Outbox
from connectors.state.journal import DELIVERED, Journal
from connectors.state.manifest import Manifest
from connectors.state.replay_log import ReplayLog
from flows.domain.fate import DeadLetter
from flows.domain.ledger import Ledger


class ReplayOutbox(Outbox):
    """Marks what comes to its end: under the earlier names of its sync as well, so that no third name gets it again."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        spill_directory: Path,
        manifest: Manifest,
        marks: ReplayLog,
        earlier_names: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(ledger, journal, spill_directory, manifest)
        self._marks = marks
        self._earlier_names = earlier_names

    def delivered(self, delivery: Delivery) -> None:
        """AppsFlyer has it."""
        self._mark(delivery, DELIVERED)
        super().delivered(delivery)

    def written(self, letter: DeadLetter) -> None:
        """It is a dead letter again, and that one is durable."""
        self._mark(letter, letter.reason.value)
        super().written(letter)

    def _mark(self, item: Item, fate: str) -> None:
        position, sync, copy = key_of(item)
        for name in (sync, *self._earlier_names.get(sync or "", ())):
            self._marks.record((position, name, copy), item.replays, fate)

    def _earlier_fate(self, item: Item) -> str | None:
        # While this replay was interrupted, another one may have brought it to its end.
        return super()._earlier_fate(item) or self._marks.fate(key_of(item), item.replays - 1)
