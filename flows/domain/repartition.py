"""Rekey: a record of any topic → records whose key is their user's id, else their device's.

The stream reads of them what it would have read of the record: the same events, the same refusals. Total, as `decode`.
"""

from enum import StrEnum
from typing import NamedTuple

from flows.domain.decode import Refused, decode
from flows.domain.event import Event, Record


class KeyedBy(StrEnum):
    """Where a written record's key comes from; the closed set of what may become of an event."""

    USER = "user"
    """Its event's user id."""
    DEVICE = "device"
    """Its event's device id, for the event names no user."""
    OWN_KEY = "own_key"
    """The key of the record that was read, or none, for no event can be read: the stream will refuse it."""


class KeyedRecord(NamedTuple):
    """A record to write. Its headers and its time are those of the record that it comes from."""

    key: bytes | None
    value: bytes | None
    """None is a tombstone."""
    by: KeyedBy


def rekey(record: Record) -> list[KeyedRecord]:
    """Return what a record becomes, in its events' order.

    One event keeps its bytes. An upload body, or another wrapping, falls into its events, each with its own key, even
    where all are of one user: what stands around them, the project's API key among it, is left behind. Of an empty body
    nothing is left.
    What cannot be read stays as it is, with its own key; where it is a part of a body, so does its part of the body.
    """
    if record.value is None:
        return [KeyedRecord(record.key, None, KeyedBy.OWN_KEY)]
    return [_keyed(record, each) for each in decode(record)]


def _keyed(record: Record, decoded: Event | Refused) -> KeyedRecord:
    if isinstance(decoded, Event):
        if decoded.user_id is not None:
            return KeyedRecord(decoded.user_id.encode(), decoded.raw, KeyedBy.USER)
        return KeyedRecord((decoded.device_id or "").encode(), decoded.raw, KeyedBy.DEVICE)
    return KeyedRecord(record.key, decoded.value, KeyedBy.OWN_KEY)
