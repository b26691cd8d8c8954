"""Items: what reaches the end of the flow, and how a snapshot holds it: as builtins, for classes may change."""

from typing import Any

import structlog

from connectors.appsflyer.parcel import Parcel
from connectors.ledger.ledger import Ledger
from flows.steps.event import Position
from flows.steps.identity import as_text, from_text
from flows.steps.outcome import DeadLetter, DeadLetterReason, Stage

log = structlog.get_logger()

Item = Parcel | DeadLetter
Key = tuple[Position, str | None, int]


def key_of(item: Item) -> Key:
    """Return the ledger's entry that an item stands for."""
    return (item.position, item.sync, item.copy)


def pack(item: Item) -> tuple[Any, ...]:
    """Return an item as builtins."""
    plain = item._replace(position=tuple(item.position))  # type: ignore[arg-type]  # its class may change, its values stay
    if isinstance(plain, DeadLetter):
        return ("letter", *plain._replace(reason=plain.reason.value, stage=plain.stage.value))  # type: ignore[arg-type]
    if plain.identity is not None:
        plain = plain._replace(identity=as_text(plain.identity))  # type: ignore[arg-type]  # its values as they are stored
    return ("parcel", *plain)


def unpack(packed: tuple[Any, ...]) -> Item:
    """Return an item from a snapshot."""
    kind, *values = packed
    if kind == "parcel":
        parcel = Parcel(*values)
        identity = None if parcel.identity is None else from_text(str(parcel.identity))
        return parcel._replace(position=Position(*parcel.position), identity=identity)
    letter = DeadLetter(*values)
    return letter._replace(
        reason=DeadLetterReason(letter.reason), stage=Stage(letter.stage), position=Position(*letter.position)
    )


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
