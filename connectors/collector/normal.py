"""The normal shape: every event is stored as HTTP V2 names it, with what the request says of all its events.

Sources: Amplitude, HTTP V2 API (`ip`: `$remote` is the client's address); S3 export (`event_time` is the client's time,
set right by how wrong its clock was at the upload, where that is a minute or more).
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple

from connectors.collector.clock_skew import read_upload_ms, skew_ms
from connectors.collector.depth import write
from connectors.collector.insert_id import InsertIds
from connectors.collector.library import is_on_server, library_name
from connectors.collector.names import OLDER, adopt_names
from connectors.collector.upload import UnreadablePart, Upload
from connectors.event_writer import TakenEvent
from flows.domain.decode import Refused, decode
from flows.domain.event import Event, JsonObject, Position, Record
from flows.domain.exact_json import MAX_DEPTH, is_deeper
from flows.domain.normalize import InvalidEventError, normalize
from flows.domain.timestamp import appsflyer_time, parse_number

REMOTE: Final = "$remote"
KEPT_BYTES: Final = 64 << 10
"""Of what no stream will read, so much is kept to look at."""
_MAX_EVENT_BYTES: Final = 900_000
"""What Kafka takes as it comes has 1,000,000 bytes with what is around it, and no real event is as large."""
_PLACE: Final = Position("collector", 0, 0)


class InvalidReason(StrEnum):
    """What is wrong with an event that the stream will refuse."""

    NO_OBJECT = "no_object"
    """It is no JSON object, or JSON that UTF-8 cannot hold."""
    MISSING_EVENT_TYPE = "missing_event_type"
    MISSING_ID = "missing_id"
    """It has neither a user's id nor a device's."""
    INVALID_TIME = "invalid_time"
    INVALID_FIELD = "invalid_field"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"


_MISSING: Final = {"event_type": InvalidReason.MISSING_EVENT_TYPE, "user_id": InvalidReason.MISSING_ID}
_TIMES: Final = frozenset({"time", "event_time", "timestamp"})


class InvalidEvent(NamedTuple):
    """An event that the stream will refuse."""

    place: int
    """In its body, counted from 0."""
    reason: InvalidReason
    field: str = ""
    """What of it is wrong; empty where it is the event as a whole."""
    is_missing: bool = False
    """The field is not there."""


class Normal(NamedTuple):
    """The events of a body, ready to be stored."""

    events: list[TakenEvent]
    invalid: list[InvalidEvent]


def normal(upload: Upload, received_ms: int, client_address: str | None) -> Normal:
    """Return the events of an upload in their order."""
    shaping = _Shaping(upload, received_ms, client_address)
    return Normal([shaping.take(place, event) for place, event in enumerate(upload.events)], shaping.invalid)


class _Shaping:
    def __init__(self, upload: Upload, received_ms: int, client_address: str | None) -> None:
        self.invalid: list[InvalidEvent] = []
        self._received_ms = received_ms
        self._record = Record(b"", None, "", 0, 0, received_ms)
        self._address = client_address
        self._is_from_device = upload.is_from_device
        self._insert_ids = InsertIds(upload.api_key, received_ms)
        self._library = library_name(upload.library)
        upload_ms = read_upload_ms(upload.upload_time)
        self._upload_time = None if upload_ms is None else appsflyer_time(upload_ms)
        self._skew_ms = skew_ms(upload_ms, received_ms)

    def take(self, place: int, event: Any) -> TakenEvent:
        """Return an event as it is stored."""
        if type(event) is not dict or not event.get("event_type"):
            return self._unusual(place, event)
        library = self._shape(event)
        key: bytes | None = None
        try:
            key = _key(normalize(self._record, event, b"", _PLACE))
        except InvalidEventError as problem:
            self.invalid.append(_invalid(place, problem.field, is_missing=problem.is_missing))
        return TakenEvent(self._value(place, event), key, self._received_ms, library)

    def _shape(self, event: JsonObject) -> str:
        get = event.get
        if not OLDER.isdisjoint(event):
            adopt_names(event)
        insert_id = get("insert_id")
        if insert_id is None or insert_id == "":
            event["insert_id"] = self._insert_ids.derive(event)
        said = get("library")
        if type(said) is str:
            library = library_name(said)
        else:
            library = library_name(said) or self._library
            if library:
                event["library"] = library
        address = get("ip")
        if address == REMOTE:
            if self._address is None:
                del event["ip"]
            else:
                event["ip"] = self._address
        elif (
            (address is None or address == "")
            and self._is_from_device
            and self._address is not None
            and not is_on_server(library)
        ):
            event["ip"] = self._address
        if get("location_lat") == 0 and get("location_lng") == 0:  # the SDK for Java sends them where it knows none
            del event["location_lat"], event["location_lng"]
        if self._upload_time is not None:
            self._date(event)
        return library

    def _date(self, event: JsonObject) -> None:
        """Note the client's clock at the upload, as the Export API writes it, and set the event's time right by it."""
        if event.get("client_upload_time") is None:
            event["client_upload_time"] = self._upload_time
        if self._skew_ms:
            time_ms = event.get("time")
            if type(time_ms) is int or type(time_ms) is float:
                true_ms = parse_number(time_ms + self._skew_ms)
                if true_ms is not None:
                    event["client_event_time"] = appsflyer_time(int(time_ms)) if time_ms >= 0 else time_ms
                    event["time"] = true_ms

    def _unusual(self, place: int, event: Any) -> TakenEvent:
        """Return what is no event as it was sent: the stream may find one within, and says what is wrong otherwise."""
        value = event.text[:KEPT_BYTES] if type(event) is UnreadablePart else self._value(place, event)
        read = decode(self._record._replace(value=value))
        is_noted = bool(self.invalid) and self.invalid[-1].place == place
        if any(type(each) is Refused for each in read) and not is_noted:
            if type(event) is dict:
                self.invalid.append(_invalid(place, "event_type", is_missing=True))
            else:
                self.invalid.append(InvalidEvent(place, InvalidReason.NO_OBJECT))
        return TakenEvent(value, None, self._received_ms, self._library)

    def _value(self, place: int, event: Any) -> bytes:
        value = write(event)
        if len(value) > _MAX_EVENT_BYTES:
            self._note(place, InvalidReason.TOO_LARGE)
            return value[:KEPT_BYTES]
        if is_deeper(value, event, MAX_DEPTH):
            self._note(place, InvalidReason.TOO_DEEP)
        return value

    def _note(self, place: int, reason: InvalidReason) -> None:
        """Note what is wrong with the event as a whole, which comes before what is wrong with a field."""
        if self.invalid and self.invalid[-1].place == place:
            self.invalid.pop()
        self.invalid.append(InvalidEvent(place, reason))


def _invalid(place: int, field: str, *, is_missing: bool) -> InvalidEvent:
    if is_missing:
        return InvalidEvent(place, _MISSING[field], field, is_missing=True)
    return InvalidEvent(place, InvalidReason.INVALID_TIME if field in _TIMES else InvalidReason.INVALID_FIELD, field)


def _key(event: Event) -> bytes:
    return (event.user_id if event.user_id is not None else event.device_id or "").encode()
