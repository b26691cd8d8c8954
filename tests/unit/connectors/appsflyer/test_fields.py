"""Further fields of the body, mapped from paths, in AppsFlyer's form or not at all.

Source: AppsFlyer, OpenAPI of the S2S events API (api3), schemas AndroidIds, IosIds and ConsentData.
"""

import hashlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.fields import CANONICAL, compile_fields
from flows.domain.decode import decode
from flows.domain.event import Event, Record

HASH = hashlib.sha256(b"someone@example.com").hexdigest()
HASHED = ("email_hashed", "phone_number_hashed", "phone_number_e164_hashed", "first_name_hashed", "last_name_hashed")
MANUAL = {"gdpr_applies": True, "ad_user_data_enabled": True, "ad_personalization_enabled": False}
TCF = {"policy_version": 4, "gdpr_applies": 1, "cmp_sdk_id": 1, "cmp_sdk_version": 1, "tcstring": "CPXx"}


def an_event(**fields: Any) -> Event:
    (event,) = decode(Record(orjson.dumps({"event_type": "e", "user_id": "u1", **fields}), None, "t", 0, 0, 1))
    assert isinstance(event, Event)
    return event


def read(name: str, value: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    return compile_fields([(name, ["event_properties.it"])])(an_event(event_properties={"it": value}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=10)
    | st.sampled_from(["all", "true", "app_clip", HASH, "{}", "[]", "-1", orjson.dumps({"manual": MANUAL}).decode()]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["manual", "tcf", "gdpr_applies", "tcstring", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(sorted(CANONICAL)), json_values)
def test_a_mapped_field_is_sent_named_as_invalid_or_absent(name: str, value: Any) -> None:
    """It never raises, never sends null, and never leaves a value out without saying so."""
    fields, invalid = read(name, value)
    if value in (None, ""):
        assert (fields, invalid) == ({}, ())
    elif invalid:
        assert (fields, invalid) == ({}, (name,))
    else:
        assert fields[name] is not None


@given(st.sampled_from(sorted(CANONICAL)), json_values)
def test_the_form_that_is_sent_is_stable(name: str, value: Any) -> None:
    """What is in AppsFlyer's form already is taken as it is."""
    fields, _ = read(name, value)
    for sent in fields.values():
        assert read(name, sent) == ({name: sent}, ())


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"manual": MANUAL}, {"manual": MANUAL}),
        ({"manual": {name: str(flag).lower() for name, flag in MANUAL.items()}}, {"manual": MANUAL}),
        ({"manual": {name: int(flag) for name, flag in MANUAL.items()}}, {"manual": MANUAL}),
        ({"manual": {"gdpr_applies": False}}, {"manual": {"gdpr_applies": False}}),
        ({"manual": MANUAL, "tcf": None}, {"manual": MANUAL}),
        (orjson.dumps({"manual": MANUAL}).decode(), {"manual": MANUAL}),
        ({"tcf": TCF}, {"tcf": TCF}),
        ({"tcf": {"tcstring": "CPXx", "gdpr_applies": -1}}, {"tcf": {"gdpr_applies": -1, "tcstring": "CPXx"}}),
        (orjson.dumps({"tcf": TCF}).decode(), {"tcf": TCF}),
    ],
    ids=repr,
)
def test_consent_data_that_is_sent(value: Any, sent: Any) -> None:
    """Exactly one of `manual` (booleans) and `tcf` (integers and the string); «true» as text becomes a boolean."""
    assert read("consent_data", value) == ({"consent_data": sent}, ())


@pytest.mark.parametrize(
    ("value", "sent", "left_out"),
    [
        ({"manual": {**MANUAL, "eea": True}}, {"manual": MANUAL}, ("consent_data.manual.eea",)),
        ({"manual": {**MANUAL, "eea": None}}, {"manual": MANUAL}, ()),
        ({"manual": MANUAL, "source": "cmp"}, {"manual": MANUAL}, ("consent_data.source",)),
        (orjson.dumps({"tcf": {**TCF, "purposes": [1]}}).decode(), {"tcf": TCF}, ("consent_data.tcf.purposes",)),
    ],
    ids=repr,
)
def test_members_of_a_consent_that_are_left_out_are_named(value: Any, sent: Any, left_out: tuple[str, ...]) -> None:
    assert read("consent_data", value) == ({"consent_data": sent}, left_out)


@pytest.mark.parametrize(
    "value",
    [
        {"manual": MANUAL, "tcf": TCF}, {}, {"manual": {}}, {"manual": True}, {"tcf": {}}, {"tcf": "CPXx"}, [MANUAL],
        {"manual": {**MANUAL, "ad_user_data_enabled": "perhaps"}}, {"manual": {**MANUAL, "gdpr_applies": None}},
        {"manual": {**MANUAL, "gdpr_applies": 2}}, {"manual": {"ad_user_data_enabled": True}},
        {"tcstring": "CPXx"},
        {"tcf": {**TCF, "gdpr_applies": True}}, {"tcf": {**TCF, "gdpr_applies": 2}},
        {"tcf": {**TCF, "cmp_sdk_id": "1"}},
        {"tcf": {**TCF, "policy_version": 4.0}},
        {"tcf": {**TCF, "tcstring": ""}}, {"tcf": {**TCF, "tcstring": None}},
        {"tcf": {name: value for name, value in TCF.items() if name != "tcstring"}}, "no JSON", "[]", 5, True,
    ],
    ids=repr,
)  # fmt: skip
def test_consent_data_that_is_left_out(value: Any) -> None:
    """Half a consent is none: it is left out and named."""
    assert read("consent_data", value) == ({}, ("consent_data",))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("all", "all"), ("ALL", "all"), (["all"], "all"), ([" All "], "all"),
        ("googleadwords_int", ["googleadwords_int"]),
        (["a_int", "b_int"], ["a_int", "b_int"]), ([" a_int "], ["a_int"]),
        (["Apple Search Ads"], ["Apple Search Ads"]),
    ],
    ids=repr,
)  # fmt: skip
def test_sharing_filter(value: Any, sent: Any) -> None:
    """`"all"`, or an array of partner ids."""
    assert read("sharing_filter", value) == ({"sharing_filter": sent}, ())


@pytest.mark.parametrize("value", [[], [""], ["a", ""], ["a", 5], [None], {}, {"all": True}, True, 1, "  "], ids=repr)
def test_a_sharing_filter_of_another_form_is_named(value: Any) -> None:
    """At least one id, none of them empty."""
    assert read("sharing_filter", value) == ({}, ("sharing_filter",))


@pytest.mark.parametrize("name", HASHED)
def test_hashes_are_sha_256(name: str) -> None:
    """64 hex digits, lower-case; anything else may be the person's data in clear and is never sent."""
    assert read(name, HASH) == ({name: HASH}, ())
    assert read(name, f" {HASH.upper()} ") == ({name: HASH}, ())
    for bad in ("someone@example.com", HASH[:-1], HASH + "0", "g" * 64, int("1" * 15), [HASH]):
        assert read(name, bad) == ({}, (name,))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        (1, True),
        (0, False),
        ("1", True),
        (" 0 ", False),
    ],
    ids=repr,
)
def test_aie_is_a_boolean(value: Any, *, sent: bool) -> None:
    """`true`: the user agreed to share the advertising id."""
    fields, invalid = read("aie", value)
    assert fields["aie"] is sent
    assert invalid == ()


@pytest.mark.parametrize("value", [2, -1, 1.5, "yes", [], {}, [True]], ids=repr)
def test_what_is_no_boolean_is_named(value: Any) -> None:
    assert read("aie", value) == ({}, ("aie",))


@pytest.mark.parametrize(("value", "sent"), [({"a": "é"}, '{"a":"é"}'), ('{"a": 1}', '{"a": 1}'), ({}, "{}")], ids=repr)
def test_custom_data_is_json_text(value: Any, sent: str) -> None:
    """A string of format json, as `setAdditionalData` makes it."""
    assert read("custom_data", value) == ({"custom_data": sent}, ())


@pytest.mark.parametrize("value", ["text", "[1]", "5", [1], 5, True, '{"a":'], ids=repr)
def test_custom_data_of_another_form_is_named(value: Any) -> None:
    assert read("custom_data", value) == ({}, ("custom_data",))


def test_app_type_and_login_id() -> None:
    """`app_clip` is the only value of `app_type`; `fb_login_id` is a number written as text."""
    assert read("app_type", "app_clip") == ({"app_type": "app_clip"}, ())
    assert read("app_type", "app") == ({}, ("app_type",))
    assert read("fb_login_id", 1234567890) == ({"fb_login_id": "1234567890"}, ())
    assert read("fb_login_id", " 12 ") == ({"fb_login_id": "12"}, ())
    for bad in ("12a", True, 1.5, -5, "٣"):
        assert read("fb_login_id", bad) == ({}, ("fb_login_id",))


@pytest.mark.parametrize("name", ["ua", "app_store"])
def test_texts(name: str) -> None:
    assert read(name, " Mozilla/5.0 ") == ({name: "Mozilla/5.0"}, ())
    assert read(name, 5) == ({}, (name,))


def test_the_first_path_with_a_value_counts() -> None:
    """Null, missing and "" are no value; false and 0 are."""
    fields = compile_fields(
        [
            ("aie", ["event_properties.a", "user_properties.a", "agreed"]),
            ("ua", ["user_agent", "user_properties.device.ua"]),
        ]
    )
    event = an_event(event_properties={"a": ""}, user_properties={"a": False, "device": {"ua": "U"}}, agreed=True)
    assert fields(event) == ({"aie": False, "ua": "U"}, ())
    assert fields(an_event(agreed=0, user_agent="V")) == ({"aie": False, "ua": "V"}, ())
    assert fields(an_event()) == ({}, ())


def test_everything_that_appsflyer_takes_can_be_mapped() -> None:
    """What the body of api3 has beyond identifiers, name, value, time, currency, versions and the bundle."""
    assert set(CANONICAL) == {
        "consent_data", "sharing_filter", "aie", "ua", "custom_data", "app_store", "app_type", "fb_login_id", *HASHED,
    }  # fmt: skip
