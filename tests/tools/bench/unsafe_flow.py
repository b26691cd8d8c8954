"""The stream without ledger, journal and recovery: what their price is measured against. It loses events."""

from collections.abc import Iterable, Sequence

from connectors.state.journal import Journal
from flows.domain.event import Platform, Position
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.ledger import Ledger
from flows.domain.warning import EventWarning


class BareLedger(Ledger):
    """Knows how many events are under way, which reading needs, and nothing else."""

    under_way = 0

    def room(self) -> int:
        return self._max_pending - self.under_way

    def open_all(self, events: Iterable[Position], refused: Iterable[Position] = ()) -> None:  # noqa: ARG002
        self.under_way += sum(1 for _ in events)

    def filtered(self, position: Position, sync: int, reason: FilterReason, copy: int = 0) -> None:  # noqa: ARG002
        self.under_way -= 1

    def delivered(self, position: Position, sync: int, copy: int) -> None:  # noqa: ARG002
        self.under_way -= 1

    def dead_lettered(
        self,
        position: Position,  # noqa: ARG002
        sync: int | None,  # noqa: ARG002
        copy: int,  # noqa: ARG002
        reason: DeadLetterReason,  # noqa: ARG002
        *,
        is_foreign: bool = False,  # noqa: ARG002
    ) -> None:
        self.under_way -= 1

    def built(self, sync: int, platform: Platform, warnings: Sequence[EventWarning], absent: Sequence[str]) -> None:
        pass


class NoJournal(Journal):
    """Notes nothing."""

    def record(self, entry: object, fate: str) -> None:
        pass


import flows.runtime.stream  # noqa: E402 - patched before the stream is built
import flows.runtime.wiring  # noqa: E402

flows.runtime.stream.Ledger = BareLedger  # type: ignore[attr-defined]  # the point of this module
flows.runtime.wiring.Journal = NoJournal  # type: ignore[attr-defined]  # the point of this module

from flows.stream import flow  # noqa: E402

__all__ = ["flow"]
