"""What a replay has taken and is not final yet, as in the stream; and a mark for what comes to its end."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.appsflyer.items import Item, key_of
from connectors.appsflyer.parcel import Parcel
from connectors.appsflyer.unfinished import Unfinished
from connectors.ledger.journal import DELIVERED, Journal
from connectors.ledger.ledger import Ledger
from connectors.ledger.manifest import Manifest
from connectors.ledger.marks import Marks
from flows.steps.outcome import DeadLetter


class MarkingUnfinished(Unfinished):
    """Marks what comes to its end: under the earlier names of its sync as well, so that no third name gets it again."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        overflow_directory: Path,
        manifest: Manifest,
        marks: Marks,
        earlier_names: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(ledger, journal, overflow_directory, manifest)
        self._marks = marks
        self._earlier_names = earlier_names

    def delivered(self, parcel: Parcel) -> None:
        """AppsFlyer has it."""
        self._mark(parcel, DELIVERED)
        super().delivered(parcel)

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
