"""The sandbox's judgement: each rule names where AppsFlyer documents it, or says that it is a choice."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.currencies import CURRENCIES
from connectors.appsflyer.sandbox.checks import CheckedAnswer, KnownToSandbox, check
from connectors.appsflyer.sandbox.fields import _RULES
from connectors.appsflyer.sandbox.notes import WORDS, Note

IOS, ANDROID = "id123456789", "com.example.app"
NOON = datetime(2026, 5, 15, 12, tzinfo=UTC).timestamp()
UUID = "A1B2C3D4-0000-4000-8000-1234567890AB"
HEADERS = {"authentication": "key", "content-type": "application/json"}


def event(**fields: Any) -> dict[str, Any]:
    """Return the smallest event without a note; `fields` are added, those that are `...` left out."""
    whole = {"appsflyer_id": "1234567890123-1234567", "eventName": "af_login", "eventValue": "", "os": "17.4", **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def send(
    body: Any, *, app: str = IOS, now: float = NOON, rules: KnownToSandbox | None = None, **headers: str
) -> CheckedAnswer:
    """Send one event, as an object or as bytes."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    every = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return check("POST", f"/inappevent/{app}", every, content, now=now, rules=rules or KnownToSandbox())


def notes(*, app: Any = IOS, now: Any = NOON, **fields: Any) -> tuple[Note, ...]:
    """Return the notes on an event that is accepted and recorded."""
    answer = send(event(**fields), app=app, now=now)
    assert (answer.status, answer.text, answer.recorded) == (200, "ok", True)
    return answer.notes


def refused(answer: CheckedAnswer, status: int, text: str, note: Note) -> bool:
    return (answer.status, answer.text, answer.recorded, answer.notes) == (status, text, False, (note,))


@pytest.mark.parametrize("app", [IOS, ANDROID])
def test_the_smallest_event_is_recorded_without_a_note(app: str) -> None:
    """api3, `required`: appsflyer_id, eventName, eventValue."""
    answer = send(event(), app=app)
    assert (answer.status, answer.text, answer.recorded, answer.notes) == (200, "ok", True, ())
    assert (answer.app_id, answer.event, answer.event_value) == (app, event(), {})


def test_every_documented_field_passes_without_a_note() -> None:
    """api3, schemas IosIds and AndroidIds: the whole list."""
    common = {
        "customer_user_id": "u1", "eventTime": "2026-05-15 11:59:59.999", "eventCurrency": "USD", "ip": "192.0.2.1",
        "app_version_name": "1.2", "app_store": "x", "bundleIdentifier": "com.example", "sharing_filter": "all",
        "custom_data": '{"a":1}', "app_type": "app_clip", "ua": "agent", "aie": True,
        "consent_data": {
            "manual": {"gdpr_applies": True, "ad_user_data_enabled": True, "ad_personalization_enabled": False}
        },
        "email_hashed": "0f" * 32, "phone_number_hashed": "1a" * 32, "phone_number_e164_hashed": "2b" * 32,
        "first_name_hashed": "3c" * 32, "last_name_hashed": "4d" * 32, "fb_login_id": "1234567890",
        "eventValue": '{"af_revenue":"-123.45678","af_content_id":"sku"}',
    }  # fmt: skip
    ios = {"idfa": UUID, "idfv": UUID, "att": 3}
    android = {
        "advertising_id": UUID.lower(), "oaid": "abc", "amazon_aid": UUID.lower(), "imei": "AA-BBBBBB-CCCCCC-D",
        "app_set_id": {"scope": 2, "id": UUID.lower()},
    }  # fmt: skip
    rules = KnownToSandbox(max_body_bytes=0)
    assert send(event(**common, **ios), rules=rules).notes == ()
    assert send(event(**common, **android), app=ANDROID, rules=rules).notes == ()


@pytest.mark.parametrize("path", ["/", "/inappevent", "/inappevent/", "/inappevent/a/b", "/v1/inappevent/a"])
def test_other_paths_are_not_found(path: str) -> None:
    """api3 has one path. 404 is not documented; the choice is HTTP's."""
    assert refused(
        check("POST", path, HEADERS, b"{}", now=NOON, rules=KnownToSandbox()), 404, "Not Found", Note.NO_SUCH_PATH
    )


def test_other_methods_are_not_allowed() -> None:
    """api3 has POST only. 405 is not documented; the choice is HTTP's."""
    answer = check("GET", f"/inappevent/{IOS}", HEADERS, b"", now=NOON, rules=KnownToSandbox())
    assert refused(answer, 405, "Method Not Allowed", Note.NOT_POST)


def test_the_app_id_is_percent_decoded_and_ends_before_a_query() -> None:
    """api3: reserved characters are percent-encoded (RFC 3986)."""
    assert send(event(), app="com.example%2Fx%20y?z=1").app_id == "com.example/x y"


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_401(key: str | None) -> None:
    """api3 has 401 «Unauthorized»; that it is for a missing key is the sandbox's choice."""
    headers = {} if key is None else {"authentication": key}
    answer = check("POST", f"/inappevent/{IOS}", headers, b"{}", now=NOON, rules=KnownToSandbox())
    assert refused(answer, 401, "Unauthorized", Note.NO_KEY)


def test_a_wrong_key_is_400() -> None:
    """api3 has 400 «Failed to Authenticate» («check the authentication key»)."""
    rules = KnownToSandbox(keys=frozenset({"key", "next"}))
    assert refused(send(event(), rules=rules, authentication="x"), 400, "Failed to Authenticate", Note.WRONG_KEY)
    assert send(event(), rules=rules).status == send(event(), rules=rules, authentication="next").status == 200


def test_an_unknown_app_is_400_with_app_id_in_the_text() -> None:
    """api3 has a 400 headed `app_id` without its exact words; that it comes before a wrong key is a choice."""
    rules = KnownToSandbox(keys=frozenset({"key"}), app_ids=frozenset({IOS}))
    for key in ("key", "x"):
        answer = send(event(), app=ANDROID, rules=rules, authentication=key)
        assert (answer.status, answer.notes, "app_id" in answer.text) == (400, (Note.UNKNOWN_APP,), True)
    assert send(event(), rules=rules).status == 200


@pytest.mark.parametrize("rules", [KnownToSandbox(), KnownToSandbox(app_ids=frozenset({IOS}))])
def test_an_ios_app_id_without_its_prefix_is_answered_with_200_and_not_recorded(rules: KnownToSandbox) -> None:
    """api3: iOS ids are `id` and digits; without the prefix, 200 OK and the event is not recorded."""
    answer = send(event(), app="123456789", rules=rules)
    assert (answer.status, answer.text, answer.recorded) == (200, "ok", False)
    assert answer.notes == (Note.IOS_APP_ID_WITHOUT_PREFIX,)


@pytest.mark.parametrize(
    "body",
    [b"", b"junk", b"null", b'"text"', b"1", b'{"a":NaN}', b"{}{}", b"\xff{}", b'{"a":"\\ud800"}', b"[" * 900],
)
def test_what_is_no_json_object_fails_to_parse(body: bytes) -> None:
    """api3: 400 «Payload is missing or failed to parse»."""
    assert refused(send(body), 400, "Payload is missing or failed to parse", Note.NOT_JSON)


def test_several_events_fail_to_parse() -> None:
    """api3: the same text for more than one event."""
    assert refused(send([event(), event()]), 400, "Payload is missing or failed to parse", Note.SEVERAL_EVENTS)


def test_a_compressed_body_fails_to_parse() -> None:
    """Not documented, so it is the sandbox's choice not to understand it."""
    answer = send(event(), content_encoding="gzip")
    assert refused(answer, 400, "Payload is missing or failed to parse", Note.COMPRESSED_BODY)


@pytest.mark.parametrize("appsflyer_id", [..., None, ""])
def test_appsflyer_id_is_mandatory(appsflyer_id: Any) -> None:
    """api3: 400 «appsflyer_id is a mandatory field»; `customer_user_id` is no substitute."""
    answer = send(event(appsflyer_id=appsflyer_id, customer_user_id="u1"))
    assert refused(answer, 400, "appsflyer_id is a mandatory field", Note.NO_APPSFLYER_ID)


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("eventName", ..., Note.NO_EVENT_NAME),
        ("eventName", None, Note.NO_EVENT_NAME),
        ("eventName", "", Note.NO_EVENT_NAME),
        ("eventName", 7, Note.NO_EVENT_NAME),
        ("eventValue", ..., Note.NO_EVENT_VALUE),
        ("eventValue", None, Note.NO_EVENT_VALUE),
    ],
)
def test_event_name_and_value_are_required(field: str, value: Any, note: Note) -> None:
    """api3, `required`; the text is that of «failed at least one validation criterion»."""
    assert refused(send(event(**{field: value})), 400, "Bad request", note)


def test_the_limit_is_1024_bytes_and_not_characters() -> None:
    """api3: «up to 1KB». What happens above it is not documented: «Bad request» is the sandbox's choice."""
    spare = 1024 - len(orjson.dumps(event(ua="")))
    fits = event(ua="é" * (spare // 2) + "x" * (spare % 2))
    assert len(orjson.dumps(fits)) == 1024
    assert send(fits).status == 200
    fits["ua"] += "x"
    assert refused(send(fits), 400, "Bad request", Note.BODY_TOO_LARGE)
    assert send(fits, rules=KnownToSandbox(max_body_bytes=0)).status == 200


def test_a_refused_event_is_still_read() -> None:
    """So that the record shows which event was refused."""
    assert send(event(), rules=KnownToSandbox(keys=frozenset({"x"}))).event == event()


@pytest.mark.parametrize("value", [{"af_revenue": 6}, [], 5, False])
def test_what_is_no_string_is_accepted_and_loses_its_revenue(value: Any) -> None:
    """AppsFlyer's review draft of the api3 overview: a raw object gives 200, its revenue is silently lost."""
    assert notes(eventValue=value) == (Note.EVENT_VALUE_NOT_TEXT,)


@pytest.mark.parametrize("value", [" ", "x", "[]", "5", '{"a":', "null"])
def test_text_that_is_no_json_object_is_noted(value: str) -> None:
    """api3: a string, format json; no parameters are an empty string."""
    assert notes(eventValue=value) == (Note.EVENT_VALUE_NOT_JSON_OBJECT,)


@pytest.mark.parametrize("revenue", ["123", "-123.45", "0", "0.00001", 6, 6.5, -3])
def test_plain_decimals_are_revenue(revenue: Any) -> None:
    """api3 and the SDK guide: digits, a decimal point, a leading minus; up to 5 decimals."""
    value = orjson.dumps({"af_revenue": revenue}).decode()
    assert notes(eventValue=value, eventCurrency="EUR") == ()


@pytest.mark.parametrize("revenue", ["1,234", "$5", "1e-7", "", ".5", "5.", "0.123456", "+1", " 1", True, [], 1e-7])
def test_other_revenue_is_noted(revenue: Any) -> None:
    """api3: «without additional symbols or formatting»."""
    value = orjson.dumps({"af_revenue": revenue}).decode()
    assert notes(eventValue=value, eventCurrency="EUR") == (Note.INVALID_REVENUE,)


def test_revenue_without_a_currency_is_noted() -> None:
    """The default currency of server-to-server events is not documented."""
    assert notes(eventValue='{"af_revenue":"1"}') == (Note.NO_CURRENCY,)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-15T11:00:00.000Z",
        "2026-05-15 11:00:00",
        "2026-02-30 11:00:00.000",
        "2026-05-15 25:00:00.000",
        "",
        5,
    ],
)
def test_other_forms_of_event_time_are_noted(text: Any) -> None:
    """api3: yyyy-MM-dd HH:mm:ss.SSS."""
    assert notes(eventTime=text) == (Note.INVALID_EVENT_TIME,)


@pytest.mark.parametrize(("hour", "late"), [("01:59:59.999", False), ("02:00:00.000", True)])
@pytest.mark.parametrize("happened", ["2026-05-15 00:00:00.000", "2026-05-15 23:59:59.000"])
def test_events_are_late_from_two_oclock_of_the_next_day(happened: str, hour: str, *, late: bool) -> None:
    """api3 until 2023-06-08 and the review draft: honoured if it arrives before 02:00 UTC of the day after."""
    now = datetime.fromisoformat(f"2026-05-16 {hour}+00:00").timestamp()
    assert notes(eventTime=happened, now=now) == ((Note.LATE_EVENT_TIME,) if late else ())


@pytest.mark.parametrize(("text", "future"), [("2026-05-15 12:00:00.000", False), ("2026-05-15 12:00:00.001", True)])
def test_times_to_come_are_noted(text: str, *, future: bool) -> None:
    """api3 until 2023-06-08: what becomes of them is ambiguous."""
    assert notes(eventTime=text) == ((Note.FUTURE_EVENT_TIME,) if future else ())


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_the_ends_of_the_calendar_are_judged_too(year: str) -> None:
    expected = Note.LATE_EVENT_TIME if year == "0001" else Note.FUTURE_EVENT_TIME
    assert notes(eventTime=f"{year}-12-31 00:00:00.000") == (expected,)


@pytest.mark.parametrize("ip", ["2001:db8::1", "", "1.2.3", "1.2.3.256", "1.2.3.4 ", 7, None])
def test_ip_is_ipv4(ip: Any) -> None:
    """api3: an IPv4 pattern, maxLength 16."""
    assert notes(ip=ip) == (Note.NOT_IPV4,)


@pytest.mark.parametrize("att", [4, -1, "3", True, 1.0, None])
def test_att_is_0_to_3(att: Any) -> None:
    """api3, IosIds: an integer from 0 to 3."""
    assert notes(att=att) == (Note.INVALID_ATT,)


@pytest.mark.parametrize("value", [UUID.lower(), UUID.replace("-", ""), "", 5, None])
def test_idfa_and_idfv_are_upper_case_uuids(value: Any) -> None:
    """api3, IosIds: the pattern has A-F only."""
    assert notes(idfa=value) == (Note.MALFORMED_IDFA,)
    assert notes(idfv=value) == (Note.MALFORMED_IDFV,)


def test_all_zero_identifiers_are_noted() -> None:
    """Systems give them to apps that may not track; AppsFlyer documents no meaning."""
    zero = "00000000-0000-0000-0000-000000000000"
    assert notes(idfa=zero) == notes(idfv=zero) == (Note.ZERO_IDENTIFIER,)
    assert notes(advertising_id=zero, app=ANDROID) == (Note.ZERO_IDENTIFIER,)


@pytest.mark.parametrize("code", ["usd", "SLE", "EURO", "", 5, None, []])
def test_unknown_currencies_are_noted(code: Any) -> None:
    """api3: an enum of 179 codes, in which SLE is missing."""
    assert len(CURRENCIES) == 179
    assert notes(eventCurrency=code) == (Note.UNKNOWN_CURRENCY,)


@pytest.mark.parametrize("field", ["advertising_id", "oaid", "amazon_aid", "imei"])
def test_android_identifiers_do_not_belong_to_ios_apps(field: str) -> None:
    """api3: the body is one of AndroidIds and IosIds."""
    assert notes(**{field: UUID.lower()}) == (Note.WRONG_PLATFORM_IDENTIFIER,)
    assert notes(**{field: UUID.lower()}, app=ANDROID) == ()


@pytest.mark.parametrize(("field", "value"), [("idfa", UUID), ("idfv", UUID), ("att", 3)])
def test_ios_fields_do_not_belong_to_android_apps(field: str, value: Any) -> None:
    """api3: the body is one of AndroidIds and IosIds."""
    assert notes(**{field: value}, app=ANDROID) == (Note.WRONG_PLATFORM_IDENTIFIER,)


@pytest.mark.parametrize(
    "value", [UUID, {"scope": 3, "id": UUID}, {"scope": "1", "id": UUID}, {"scope": True, "id": UUID}, {"id": UUID},
              {"scope": 1, "id": "x"}, {"scope": 1, "id": UUID, "x": 1}, None]
)  # fmt: skip
def test_app_set_id_is_a_scope_and_a_uuid(value: Any) -> None:
    """api3, AndroidIds: scope 1 or 2, id a UUID."""
    assert notes(app_set_id=value, app=ANDROID) == (Note.INVALID_APP_SET_ID,)


@pytest.mark.parametrize("field", ["bundle_id", "af_events_api", "user_agent", "android_id", "custom_dimension"])
def test_unknown_fields_are_noted(field: str) -> None:
    """api3 lists the fields; `custom_dimension` is reserved («do not send»)."""
    assert notes(**{field: "true"}) == (Note.UNKNOWN_FIELD,)


def test_a_missing_os_is_noted_on_ios_only() -> None:
    """api3: an iOS event without `os` is treated as iOS 14.5."""
    assert notes(os=...) == notes(os="") == (Note.NO_OS,)
    assert notes(os=..., app=ANDROID) == ()


@pytest.mark.parametrize(
    ("value", "right"), [("1234567890123-1234567890123456789", True), ("user-1", False), (5, False)]
)
def test_appsflyer_ids_have_a_form(value: Any, *, right: bool) -> None:
    """api3 and api2 contradict each other on the last digits: 7 or 19."""
    assert notes(appsflyer_id=value) == (() if right else (Note.MALFORMED_APPSFLYER_ID,))


@pytest.mark.parametrize(("characters", "long"), [(100, False), (101, True)])
def test_event_names_over_100_characters_are_noted(characters: int, *, long: bool) -> None:
    """AppsFlyer, «In-app events» in the SDK guide: 100 characters."""
    assert notes(eventName="é" * characters) == ((Note.EVENT_NAME_TOO_LONG,) if long else ())


@pytest.mark.parametrize("field", ["customer_user_id", "os", "app_version_name", "bundleIdentifier", "ua"])
def test_text_is_text(field: str) -> None:
    """api3: type string."""
    assert notes(**{field: 17}) == (Note.WRONG_TYPE,)


@pytest.mark.parametrize("value", ["true", 1, None])
def test_aie_is_a_boolean(value: Any) -> None:
    """api3: type boolean."""
    assert notes(aie=value) == (Note.WRONG_TYPE,)


@pytest.mark.parametrize(
    ("value", "right"), [("all", True), (["twitter"], True), ([], False), ([""], False), ("x", False)]
)
def test_sharing_filter_is_all_or_partners(value: Any, *, right: bool) -> None:
    """api3: `"all"`, or an array of at least one non-empty string."""
    assert notes(sharing_filter=value) == (() if right else (Note.INVALID_SHARING_FILTER,))


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (
            {
                "tcf": {
                    "policy_version": 4,
                    "gdpr_applies": 1,
                    "cmp_sdk_id": 1,
                    "cmp_sdk_version": 1,
                    "tcstring": "x",
                }
            },
            True,
        ),
        ({"tcf": {"gdpr_applies": 2, "tcstring": "x"}}, False),
        ({"tcf": {"gdpr_applies": "1"}}, False),
        ({"manual": {"gdpr_applies": "true"}}, False),
        ({"manual": {"eea": True}}, False),
        ({"manual": {"gdpr_applies": True}, "tcf": {"tcstring": "x"}}, False),
        ({"other": {"a": 1}}, False),
        ({}, False),
        ("yes", False),
    ],
)
def test_consent_data_is_manual_or_tcf(value: Any, *, right: bool) -> None:
    """api3: exactly one of `manual` (booleans) and `tcf` (whole numbers and a string)."""
    assert notes(consent_data=value) == (() if right else (Note.INVALID_CONSENT_DATA,))


def test_hashes_are_sha256() -> None:
    """api3: SHA-256."""
    assert notes(email_hashed="someone@example.com") == (Note.INVALID_HASH,)


def test_custom_data_is_json_as_text() -> None:
    """api3: a string (JSON)."""
    assert notes(custom_data={"a": 1}) == notes(custom_data="x") == (Note.INVALID_CUSTOM_DATA,)


def test_the_content_type_is_json() -> None:
    """api3: application/json. That a server enforces it is not documented."""
    assert send(event(), content_type="text/plain").notes == (Note.NOT_DECLARED_JSON,)
    assert send(event(), content_type="application/json; charset=utf-8").notes == ()


def test_a_note_is_given_once() -> None:
    assert notes(x=1, y=2) == (Note.UNKNOWN_FIELD,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from([*_RULES, "other"])


@given(fields=st.dictionaries(FIELDS, JSON), app=st.text(min_size=1, max_size=12), complete=st.booleans())
def test_every_object_gets_a_documented_answer(fields: dict[str, Any], app: str, *, complete: bool) -> None:
    """Whatever the fields hold, nothing is raised, and only a 200 is ever recorded."""
    answer = send({**fields, **event()} if complete else fields, app=app, rules=KnownToSandbox(max_body_bytes=0))
    assert answer.status in (200, 400, 404)
    assert not answer.recorded or answer.status == 200
    assert all(note.words for note in answer.notes)


@given(st.binary(max_size=200))
def test_every_byte_string_gets_an_answer(body: bytes) -> None:
    assert send(body).status == 400


def test_every_note_has_words_of_its_own() -> None:
    assert set(WORDS) == set(Note)
    assert len(set(WORDS.values())) == len(WORDS)
