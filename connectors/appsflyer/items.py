"""Items: what reaches the end of the flow, and how a snapshot holds it: as builtins, for classes may change."""

from typing import Any, Final

import structlog

from connectors.appsflyer.parcel import Parcel
from connectors.ledger.ledger import Ledger
from flows.steps.event import Position
from flows.steps.identity import as_text, from_text
from flows.steps.outcome import DeadLetter, DeadLetterReason, Stage

log = structlog.get_logger()

Item = Parcel | DeadLetter
Key = tuple[Position, str | None, int]

_PARCEL_POSITION: Final = Parcel._fields.index("position")
_PARCEL_IDENTITY: Final = Parcel._fields.index("identity")
_LETTER_POSITION: Final = DeadLetter._fields.index("position")
_LETTER_REASON: Final = DeadLetter._fields.index("reason")
_LETTER_STAGE: Final = DeadLetter._fields.index("stage")


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
    values[_PARCEL_POSITION] = tuple(item.position)
    values[_PARCEL_IDENTITY] = None if item.identity is None else as_text(item.identity)
    return ("parcel", *values)


def unpack(packed: tuple[Any, ...]) -> Item:
    """Return an item from a snapshot; one of an earlier version may lack the last members."""
    kind, *values = packed
    if kind == "parcel":
        values[_PARCEL_POSITION] = Position(*values[_PARCEL_POSITION])
        if len(values) > _PARCEL_IDENTITY and values[_PARCEL_IDENTITY] is not None:
            values[_PARCEL_IDENTITY] = from_text(str(values[_PARCEL_IDENTITY]))
        return Parcel(*values)
    values[_LETTER_POSITION] = Position(*values[_LETTER_POSITION])
    values[_LETTER_REASON] = DeadLetterReason(values[_LETTER_REASON])
    values[_LETTER_STAGE] = Stage(values[_LETTER_STAGE])
    return DeadLetter(*values)


def pack_items(items: list[Item]) -> list[tuple[Any, ...]]:
    """Return items as builtins, for a snapshot."""
    return [pack(item) for item in items]


def resume_items(ledger: Ledger, packed: list[tuple[Any, ...]]) -> list[Item]:
    """Return items from a snapshot and open their entries; those of syncs that are gone or off are left out."""
    places = {name: place for place, name in enumerate(ledger.sync_names)}
    items: list[Item] = []
    left_out = 0
    for each in packed:
        item = unpack(each)
        if item.sync is None:
            ledger.resume_refused(item.position)
        elif item.sync in places:
            ledger.resume(item.position, places[item.sync], item.copy)
        else:
            left_out += 1
            continue
        items.append(item)
    if left_out:
        log.warning("events were pending for syncs that are not enabled any more", events=left_out)
    return items
