"""Names: giving an event the names of HTTP V2 changes nothing of what the stream reads of it."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.names import OLDER, adopt_names
from flows.domain.event import Event, Position, Record
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.kept_properties import is_complete
from flows.domain.normalize import InvalidEventError, normalize
from tests.fixtures.examples import examples

READER = IdentifierReader(DEFAULT_PATHS)
UUID = "cccccccc-0000-4000-8000-00000000000c"
_SCALARS = st.none() | st.integers(-1, 10**13) | st.floats(0, 1e13) | st.sampled_from(
    ["", "1.2", "198.51.100.9", "2026-11-29 02:00:00.123456", "2026-11-29T02:00:00Z", "id-1", UUID]
)  # fmt: skip
_OWN = st.dictionaries(
    st.sampled_from(["ios_idfa", "ios_idfv", "androidADID", "android_app_set_id", "location", "special", "price"]),
    _SCALARS | st.just({"lat": 1.5, "lng": None}),
)
_EVENTS = st.dictionaries(
    st.sampled_from(
        [
            "time", "timestamp", "event_time", "insert_id", "$insert_id", "uuid", "app_version", "version_name", "ip",
            "ip_address", "carrier", "device_carrier", "productId", "product_id", "revenueType", "revenue_type", "idfa",
            "adid", "location_lat",
        ]
    ),
    _SCALARS,
)  # fmt: skip


def read(event: dict[str, Any]) -> Event | str:
    """Return what the stream reads of it, or what it says is wrong."""
    try:
        read = normalize(Record(b"", None, "", 0, 0, 1), copy.deepcopy(event), b"", Position("", 0, 0))
    except InvalidEventError as problem:
        return problem.field
    return read


@examples(500)
@given(_EVENTS, st.none() | _OWN)
def test_the_stream_reads_the_same_event(more: dict[str, Any], own: dict[str, Any] | None) -> None:
    """Its id, times, versions, address and identifiers; what cannot be read under one name cannot under the other."""
    event = {"event_type": "Buy", "user_id": "user-1", **more, **({} if own is None else {"api_properties": own})}
    adopted = copy.deepcopy(event)
    adopt_names(adopted)
    before, after = read(event), read(adopted)
    if isinstance(before, str) or isinstance(after, str):
        assert isinstance(before, str)
        assert isinstance(after, str)
        return
    assert before._replace(fields={}) == after._replace(fields={})
    assert READER.read(before).values == READER.read(after).values


@given(_EVENTS)
def test_adopting_twice_is_adopting_once(event: dict[str, Any]) -> None:
    """And an event that has none of the older names is left as it is."""
    once = copy.deepcopy(event)
    adopt_names(once)
    twice = copy.deepcopy(once)
    adopt_names(twice)
    assert once == twice
    if OLDER.isdisjoint(event):
        assert once == event


def test_an_export_row_gets_the_names_of_an_upload() -> None:
    """The row's own `uuid` stays beside its `$insert_id`, for it is another id."""
    row = {
        "event_type": "Buy", "user_id": "user-1", "$insert_id": "i-1", "uuid": "u-1", "device_carrier": "c",
        "event_time": "2026-11-29 02:00:00.123456", "ip_address": "192.0.2.1", "version_name": "1", "adid": None,
    }  # fmt: skip
    adopt_names(row)
    assert row == {
        "event_type": "Buy", "user_id": "user-1", "insert_id": "i-1", "uuid": "u-1", "carrier": "c",
        "time": 1_795_917_600_123, "ip": "192.0.2.1", "app_version": "1", "adid": None,
    }  # fmt: skip


def test_a_row_of_amplitudes_own_is_known_as_one_whatever_its_names() -> None:
    """It carries all of its user's properties, and an SDK's event does not."""
    row = {
        "event_type": "Buy", "user_id": "ada", "event_time": "2026-11-29 02:00:00.123456", "amplitude_id": 1,
        "$insert_id": "i", "uuid": UUID, "server_received_time": "2026-11-29 02:00:01.000000", "ip_address": "1.2.3.4",
    }  # fmt: skip
    adopt_names(row)
    found = read(row)
    assert isinstance(found, Event)
    assert "event_time" not in found.fields
    assert is_complete(found)
    sent = read({"event_type": "Buy", "user_id": "ada", "time": 1, "client_upload_time": "x", "uuid": UUID})
    assert isinstance(sent, Event)
    assert not is_complete(sent)
