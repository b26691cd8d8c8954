"""What travels through the stream: the record as it was read, and the event that was decoded from it."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Platform = Literal["ios", "android"]
PLATFORMS: tuple[Platform, ...] = ("ios", "android")

JsonObject = dict[str, Any]


class Position(NamedTuple):
    """Where an event stands in its source; unique per event, and the same each time the source is read again."""

    source: str
    """Kafka topic, or the archive's path (a member of a zip is `archive.zip!member`)."""
    partition: int
    """Kafka partition; 0 for files."""
    offset: int
    """Kafka offset, or the line, counted from 1."""
    place: int = 0
    """Place within an upload body, counted from 0."""

    def __str__(self) -> str:
        """Print as `source/partition/offset`, with the place where it is not the first."""
        text = f"{self.source}/{self.partition}/{self.offset}"
        return f"{text}/{self.place}" if self.place else text


class Record(NamedTuple):
    """One Kafka message or one line of an archive, undecoded."""

    value: bytes | None
    """None is a Kafka tombstone."""
    key: bytes | None
    source: str
    partition: int
    offset: int
    time_ms: int
    """When it arrived, in milliseconds since the epoch: Kafka's timestamp, or the time of reading."""
    headers: Sequence[tuple[str, bytes | None]] = ()
    """Kafka's headers in their order; only read where a flow passes them on."""


class Event(NamedTuple):
    """One product event, whichever of Amplitude's shapes it came in. Absent, null and empty fields are None or {}."""

    name: str
    user_id: str | None
    device_id: str | None
    time_ms: int
    """When it happened, in milliseconds since the epoch; when it arrived if it does not say."""
    insert_id: str | None
    platform: str | None
    """As the event states it: see `platform.PlatformNames`."""
    os_name: str | None
    os_version: str | None
    app_version: str | None
    ip: str | None
    event_properties: JsonObject
    user_properties: JsonObject
    groups: JsonObject
    group_properties: JsonObject
    fields: JsonObject
    """The whole JSON object, for paths and conditions on fields that have no name above."""
    raw: bytes
    """The event's own bytes: what a dead letter keeps."""
    key: bytes | None
    """The Kafka key of its record."""
    received_ms: int
    position: Position
    is_dated: bool = True
    """It says itself when it happened."""

    @property
    def user_key(self) -> str:
        """The key of the state that it belongs to: its user, else its device. Never collides between the two."""
        return f"u:{self.user_id}" if self.user_id is not None else f"d:{self.device_id}"
