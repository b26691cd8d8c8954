"""Items: what reaches the end of the flow, and how a snapshot holds it: as builtins, for classes may change."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import structlog

from connectors.clock import now_ms
from connectors.delivery.delivery import Attempts, Delivery, dead_letter
from flows.domain.event import Position
from flows.domain.fate import SYNC_DISABLED_ERROR, DeadLetter, DeadLetterReason, Stage
from flows.domain.identity import as_text, from_text
from flows.domain.ledger import Ledger

log = structlog.get_logger()

Item = Delivery | DeadLetter
Key = tuple[Position, str | None, int]

_DELIVERY_POSITION: Final = Delivery._fields.index("position")
_DELIVERY_IDENTITY: Final = Delivery._fields.index("identity")
_LETTER_POSITION: Final = DeadLetter._fields.index("position")
_LETTER_REASON: Final = DeadLetter._fields.index("reason")
_LETTER_STAGE: Final = DeadLetter._fields.index("stage")


_AROUND_BYTES: Final = 1024
"""What an item takes beside its event's bytes and key, about."""


def size_bytes(item: Item) -> int:
    """Return the memory that an item takes, about; its dead letter takes the same."""
    return len(item.value) + len(item.key or b"") + _AROUND_BYTES


def key_of(item: Item) -> Key:
    """Return the ledger's entry that an item stands for."""
    return (item.position, item.sync, item.copy)


def pack(item: Item) -> tuple[Any, ...]:
    """Return an item as builtins."""
    values: list[Any] = list(item)
    if isinstance(item, DeadLetter):
        values[_LETTER_POSITION] = tuple(item.position)
        values[_LETTER_REASON], values[_LETTER_STAGE] = item.reason.value, item.stage.value
        return ("letter", *values)
    values[_DELIVERY_POSITION] = tuple(item.position)
    values[_DELIVERY_IDENTITY] = None if item.identity is None else as_text(item.identity)
    return ("parcel", *values)


def unpack(packed: tuple[Any, ...]) -> Item:
    """Return an item from a snapshot; one of an earlier version may lack the last members."""
    kind, *values = packed
    if kind == "parcel":
        values[_DELIVERY_POSITION] = Position(*values[_DELIVERY_POSITION])
        if len(values) > _DELIVERY_IDENTITY and values[_DELIVERY_IDENTITY] is not None:
            values[_DELIVERY_IDENTITY] = from_text(str(values[_DELIVERY_IDENTITY]))
        return Delivery(*values)
    values[_LETTER_POSITION] = Position(*values[_LETTER_POSITION])
    values[_LETTER_REASON] = DeadLetterReason(values[_LETTER_REASON])
    values[_LETTER_STAGE] = Stage(values[_LETTER_STAGE])
    return DeadLetter(*values)


def pack_items(items: list[Item]) -> list[tuple[Any, ...]]:
    """Return items as builtins, for a snapshot."""
    return [pack(item) for item in items]


def resume_items(
    ledger: Ledger, packed: Sequence[tuple[Any, ...]], attempts: Mapping[Key, Attempts] = MappingProxyType({})
) -> list[Item]:
    """Return items from a snapshot and open their entries; what is for a sync that is not enabled is a dead letter."""
    items: list[Item] = []
    left: Counter[str] = Counter()
    for each in packed:
        item = unpack(each)
        open_entry(ledger, item)
        if isinstance(item, Delivery) and not ledger.is_enabled(item.sync):
            left[item.sync] += 1
            item = sync_disabled(item, attempts.get(key_of(item), Attempts()))
        items.append(item)
    for sync, events in left.items():
        say_disabled(sync, events)
    return items


def open_entry(ledger: Ledger, item: Item) -> None:
    """Open the entry of an item that an earlier run left."""
    position = item.position
    ledger.arrivals.note((position.source, position.partition), position.offset, item.first_seen_ms)
    if item.sync is None:
        ledger.resume_refused(item.position)
    else:
        ledger.resume(item.position, ledger.place_of(item.sync), item.copy)


def sync_disabled(delivery: Delivery, attempts: Attempts) -> DeadLetter:
    """Return the dead letter of what waited for a sync that is not enabled any more."""
    return dead_letter(delivery, DeadLetterReason.SYNC_DISABLED, SYNC_DISABLED_ERROR, attempts, now_ms())


def say_disabled(sync: str, events: int) -> None:
    """Say what becomes of them."""
    log.warning(
        "events waited for a sync that is not enabled any more; they become dead letters",
        sync=sync,
        events=events,
        reason=DeadLetterReason.SYNC_DISABLED.value,
        do="to send them all the same: enable the sync under this name, and replay them",
    )
