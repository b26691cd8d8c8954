"""The identifiers of a device: read from every usual place, in AppsFlyer's form; what only looks like one is none."""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifier_reader import DeviceReading, IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS, PLATFORM_IDENTIFIERS, Value
from tests.fixtures.examples import examples

READER = IdentifierReader(DEFAULT_PATHS)
UUID = "cdda802e-fb9c-47ad-9866-0794d394c912"
OTHER_UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
ZERO_UUID = "00000000-0000-0000-0000-000000000000"
REAL: Final[dict[str, tuple[Any, Value]]] = {
    "appsflyer_id": ("1700000000000-1234567", "1700000000000-1234567"),
    "idfa": (UUID, UUID.upper()),
    "idfv": (UUID, UUID.upper()),
    "att": (3, 3),
    "advertising_id": (UUID, UUID),
    "oaid": (UUID, UUID),
    "amazon_aid": (UUID, UUID),
    "imei": ("356938035643809", "356938035643809"),
    "app_set_id": ({"scope": 2, "id": UUID}, (2, UUID)),
}
"""What an app may send as each, and what AppsFlyer gets."""
ZERO: Final[dict[str, Any]] = {
    **dict.fromkeys(REAL, ZERO_UUID),
    "appsflyer_id": "0000000000000-0000000",
    "imei": "000000000000000",
    "app_set_id": {"scope": 1, "id": ZERO_UUID},
}
ALL_PATHS: Final = [(attribute, path) for attribute, paths in DEFAULT_PATHS.items() for path in paths]


def event(**fields: Any) -> Event:
    body = {"event_type": "open", "user_id": "ada", **fields}
    (decoded,) = decode(Record(json.dumps(body).encode(), None, "topic", 0, 1, 0))
    assert isinstance(decoded, Event), decoded
    return decoded


def with_value(path: str, value: Any, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return fields of an event that has the value at the path."""
    container, dot, name = path.partition(".")
    fields = dict(fields or {})
    if dot:
        fields[container] = {**fields.get(container, {}), name: value}
    else:
        fields[path] = value
    return fields


def read(**fields: Any) -> DeviceReading:
    return READER.read(event(**fields))


def at_each_path(sent: Mapping[str, Any]) -> dict[tuple[str, str], DeviceReading]:
    """Return what is read of each attribute's value at each of its paths."""
    return {(attribute, path): read(**with_value(path, sent[attribute])) for attribute, path in ALL_PATHS}


def test_every_default_path_is_read() -> None:
    """Each spelling that is known from SDKs, connectors and exports, in user and event properties and on the event."""
    assert at_each_path({attribute: sent for attribute, (sent, _) in REAL.items()}) == {
        (attribute, path): DeviceReading({attribute: REAL[attribute][1]}, (), ()) for attribute, path in ALL_PATHS
    }


@pytest.mark.parametrize("attribute", DEFAULT_PATHS)
def test_the_usual_places_are_among_the_defaults(attribute: str) -> None:
    """Each identifier may be a user or an event property, or a field of the event, under AppsFlyer's name for it."""
    paths = DEFAULT_PATHS[attribute]
    assert {f"user_properties.{attribute}", f"event_properties.{attribute}", attribute} <= set(paths)
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("attribute", "path"),
    [
        ("idfa", "idfa"),
        ("idfv", "idfv"),
        ("advertising_id", "adid"),
        ("app_set_id", "android_app_set_id"),
        ("appsflyer_id", "appsflyer_id"),
        ("appsflyer_id", "appsflyerId"),
        ("appsflyer_id", "$appsflyerId"),
    ],
)
def test_fields_of_the_event_itself_are_read(attribute: str, path: str) -> None:
    """Amplitude, HTTP V2 API: `idfa`, `idfv`, `adid`, `android_app_set_id`; senders add an AppsFlyer id beside them."""
    sent, real = (UUID, (1, UUID)) if attribute == "app_set_id" else REAL[attribute]
    assert read(**{path: sent}).values == {attribute: real}


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_absent_values_say_nothing(absent: Any) -> None:
    """Null, empty and blank are absent, which is no mistake to report."""
    assert at_each_path(dict.fromkeys(REAL, absent)) == dict.fromkeys(ALL_PATHS, DeviceReading({}, (), ()))


def test_zero_identifiers_count_as_absent_and_are_reported() -> None:
    """AppsFlyer, «About device identifiers»: all zeros is no identifier."""
    assert at_each_path(ZERO) == {
        (attribute, path): DeviceReading({}, (), (attribute,)) for attribute, path in ALL_PATHS
    }


MALFORMED: Final[list[Any]] = [
    "none", "not an id", f"{{{UUID}}}", f"{UUID}\u0660", 5.5, True, False, [UUID], {"a": 1}, {},
]  # fmt: skip


@pytest.mark.parametrize("bad", MALFORMED)
def test_malformed_identifiers_count_as_absent_and_are_reported(bad: Any) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: patterns of the identifiers."""
    assert at_each_path(dict.fromkeys(REAL, bad)) == {
        (attribute, path): DeviceReading({}, (attribute,), ()) for attribute, path in ALL_PATHS
    }


@pytest.mark.parametrize("attribute", ["idfa", "idfv", "advertising_id", "amazon_aid", "app_set_id"])
@pytest.mark.parametrize("bad", [UUID[:-1], f"{UUID}0", UUID.replace("-", ""), UUID.replace("c", "g")])
def test_uuids_are_whole(attribute: str, bad: str) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: hexadecimal digits, 8-4-4-4-12."""
    assert read(user_properties={attribute: bad}).malformed == (attribute,)


@pytest.mark.parametrize("attribute", DEFAULT_PATHS)
def test_the_first_path_with_a_real_value_wins(attribute: str) -> None:
    """Earlier paths come first; zero and malformed values let the next path speak, and are then not reported."""
    sent, real = REAL[attribute]
    paths = DEFAULT_PATHS[attribute]
    others: dict[str, Any] = {"appsflyer_id": "1700000000001-7654321", "imei": "356938035643800", "att": 1}
    other = others.get(attribute, OTHER_UUID)
    for earlier, later in pairwise(paths):
        assert read(**with_value(earlier, sent, with_value(later, other))).values == {attribute: real}
        for absent in (None, "", ZERO[attribute], "x"):
            assert read(**with_value(earlier, absent, with_value(later, sent))) == DeviceReading(
                {attribute: real}, (), ()
            )


@given(
    st.dictionaries(
        st.sampled_from(sorted({path for _, path in ALL_PATHS})), st.integers(0, 99), min_size=1, max_size=8
    )
)
@examples(60)
def test_whatever_paths_have_values_the_first_wins(at: dict[str, int]) -> None:
    """Against a slow reading of the list of paths."""
    fields: dict[str, Any] = {}
    for path, number in at.items():
        fields = with_value(path, f"1700000000000-{number:07d}0", fields)
    expected = next((at[path] for path in DEFAULT_PATHS["appsflyer_id"] if path in at), None)
    values = read(**fields).values
    assert values.get("appsflyer_id") == (None if expected is None else f"1700000000000-{expected:07d}0")


@pytest.mark.parametrize(
    ("sent", "real"),
    [
        ("1700000000000-1234567", "1700000000000-1234567"),
        (" 1700000000000-1234567 ", "1700000000000-1234567"),
        ("1700000000000-1234567890123456789", "1700000000000-1234567890123456789"),
        ("1700000000000-1", "1700000000000-1"),
        ("1700000000000-12345678901234567890", None),
        ("170000000000-1234567", None),
        ("1700000000000_1234567", None),
        ("1700000000000-", None),
        ("ada", None),
        (1_700_000_000_000, None),
    ],
)
def test_appsflyer_ids(sent: Any, real: str | None) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: 13 digits, a dash, 7 digits, or up to 19 on Android."""
    assert read(user_properties={"appsflyer_id": sent}).values.get("appsflyer_id") == real


@given(st.uuids())
def test_case_rules(uuid: Any) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: IDFA and IDFV are upper-case; the others stay as they are."""
    for text in (str(uuid), str(uuid).upper()):
        real = uuid.int != 0
        found = read(idfa=text, idfv=text, adid=text, user_properties={"oaid": text, "amazon_aid": text}).values
        same = dict.fromkeys(("advertising_id", "oaid", "amazon_aid"), text)
        assert found == ({**same, "idfa": text.upper(), "idfv": text.upper()} if real else {})


@pytest.mark.parametrize(
    ("sent", "real"),
    [
        (0, 0), (1, 1), (2, 2), (3, 3), ("0", 0), ("3", 3), (" 2 ", 2), (3.0, 3),
        ("notDetermined", 0), ("not_determined", 0), ("Not Determined", 0), ("restricted", 1), ("denied", 2),
        ("authorized", 3), ("Authorised", 3), ("ATTrackingManagerAuthorizationStatusAuthorized", 3),
        (4, None), (-1, None), (0.5, None), (True, None), ("yes", None), ("٣", None), ([3], None),
    ],
    ids=repr,
)  # fmt: skip
def test_att(sent: Any, real: int | None) -> None:
    """AppsFlyer: 0 not determined, 1 restricted, 2 denied, 3 authorised; Apple's own names are understood."""
    found = read(user_properties={"att": sent})
    assert found.values.get("att") == real
    assert found.malformed == (() if real is not None else ("att",))


@pytest.mark.parametrize(
    ("sent", "real"),
    [
        ({"scope": 1, "id": UUID}, (1, UUID)),
        ({"scope": 2, "id": UUID}, (2, UUID)),
        ({"scope": "2", "id": UUID}, (2, UUID)),
        ({"id": UUID}, (1, UUID)),
        (UUID, (1, UUID)),
        ({"scope": 0, "id": UUID}, None),
        ({"scope": 3, "id": UUID}, None),
        ({"scope": True, "id": UUID}, None),
        ({"scope": [1], "id": UUID}, None),
        ({"scope": 1, "id": "x"}, None),
        ({"scope": 1}, None),
    ],
)
def test_app_set_id(sent: Any, real: Value | None) -> None:
    """AppsFlyer: `{scope: 1 or 2, id}`; a bare id is taken for the narrower scope."""
    assert read(user_properties={"app_set_id": sent}).values.get("app_set_id") == real


@pytest.mark.parametrize(
    ("sent", "real"),
    [
        ("AA-BBBBBB-CCCCCC-D", "AA-BBBBBB-CCCCCC-D"),
        (356_938_035_643_809, "356938035643809"),
        ("35-693803-564380-9", "35-693803-564380-9"),
        ("A0000012345678", "A0000012345678"),
        ("12345", None),
        (0, None),
        ("hello world imei", None),
    ],
)
def test_imei(sent: Any, real: str | None) -> None:
    """AppsFlyer gives an example only; text of an IMEI's or MEID's length is passed through, numbers as text."""
    assert read(user_properties={"imei": sent}).values.get("imei") == real


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
anything = st.recursive(leaves, lambda each: st.one_of(st.lists(each), st.dictionaries(st.text(), each)), max_leaves=5)
PATTERNS: Final = {
    "appsflyer_id": r"\d{13}-\d{1,19}",
    "idfa": r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}",
    "idfv": r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}",
}


@given(st.dictionaries(st.sampled_from([path for _, path in ALL_PATHS]), anything, max_size=6))
@examples(100)
def test_reading_is_total_and_reports_everything_it_leaves_out(at: dict[str, Any]) -> None:
    """Values of any kind at any path: read, or reported as malformed or zero, or absent."""
    fields: dict[str, Any] = {}
    for path, value in at.items():
        if json.dumps(value).isascii():
            fields = with_value(path, value, fields)
    (decoded,) = decode(Record(json.dumps({"event_type": "a", "user_id": "b", **fields}).encode(), None, "t", 0, 1, 0))
    if not isinstance(decoded, Event):
        return  # lone surrogates are no JSON
    found = READER.read(decoded)
    for attribute, pattern in PATTERNS.items():
        if attribute in found.values:
            assert re.fullmatch(pattern, str(found.values[attribute]))
    for attribute, path in ALL_PATHS:
        container, dot, name = path.partition(".")
        value = fields.get(container, {}).get(name) if dot else fields.get(path)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            assert attribute in {*found.values, *found.malformed, *found.zeroed}


def test_paths_of_the_settings_replace_the_defaults() -> None:
    """`[identity.paths]`: containers, own fields, names with dots, and ways through nested objects."""
    paths = {
        "idfa": ["event_properties.device.idfa", "user_properties.my.idfa"],
        "idfv": ["data.idfv", "groups.idfv", "group_properties.idfv"],
        "appsflyer_id": ["user_properties.shared"],
        "imei": ["user_properties.shared"],
    }
    reader = IdentifierReader(paths)

    def found(**fields: Any) -> dict[str, Value]:
        return reader.read(event(**fields)).values

    assert found(event_properties={"device": {"idfa": UUID}}) == {"idfa": UUID.upper()}
    assert found(event_properties={"device.idfa": UUID}) == {"idfa": UUID.upper()}
    assert found(user_properties={"my.idfa": UUID}) == {"idfa": UUID.upper()}
    assert found(data={"idfv": UUID}) == {"idfv": UUID.upper()}
    assert found(groups={"idfv": UUID}) == {"idfv": UUID.upper()}
    assert found(user_properties={"idfa": UUID}, idfa=UUID) == {}
    assert found(user_properties={"shared": "1700000000000-1234567"}) == {"appsflyer_id": "1700000000000-1234567"}
    assert found(event_properties={"device": [UUID]}, data="x") == {}


# --- $unset ---


def test_unset_forgets_what_is_read_from_the_property() -> None:
    """Amplitude, Identify API: `$unset` takes properties away, `$clearAll` all of them."""

    def forgotten(operations: Any) -> tuple[str, ...]:
        return READER.forgotten(event(event_type="$identify", user_properties=operations))

    assert forgotten({"$unset": {"appsflyer_id": "-"}}) == ("appsflyer_id",)
    assert forgotten({"$unset": {"$appsflyerId": "-", "idfa": "-", "plan": "-"}}) == ("appsflyer_id", "idfa")
    assert forgotten({"$unset": ["gaid"]}) == ("advertising_id",)
    assert forgotten({"$clearAll": "-"}) == tuple(sorted(DEFAULT_PATHS))
    assert forgotten({"$set": {"appsflyer_id": None}}) == ()
    odds: list[Any] = [None, "appsflyer_id", 5, [{"a": 1}], [[]]]
    for odd in odds:
        assert forgotten({"$unset": odd}) == ()
    assert forgotten({}) == ()


def test_each_platform_has_appsflyers_identifiers() -> None:
    """AppsFlyer, OpenAPI of the S2S events API, schemas AndroidIds and IosIds."""
    assert set(PLATFORM_IDENTIFIERS["ios"]) == {"idfa", "idfv"}
    assert set(PLATFORM_IDENTIFIERS["android"]) == {"advertising_id", "oaid", "amazon_aid", "imei", "app_set_id"}
