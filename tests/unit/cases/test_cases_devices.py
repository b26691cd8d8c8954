"""Cases of devices and users: which identifiers an event goes out with, when it waits, and what repeats another.

Sources: AppsFlyer, OpenAPI of the S2S events API; Amplitude, HTTP V2 API and Identify API.
"""

from typing import Any

import pytest

from tests.fixtures.explained import (
    ANDROID_ID,
    GAID,
    ID,
    IDFA,
    IDFV,
    NOW_MS,
    OTHER_ID,
    ZERO,
    android,
    bare,
    explained,
    export,
    fate,
    ios,
    sent,
    warned_of,
)

IMEI = "35-209900-176148-1"
APP_SET = {"scope": 2, "id": GAID}
SPELLINGS = {
    "appsflyer_id": "appsflyer_id appsflyerId $appsflyerId appsFlyerId AppsFlyerId appsflyerID appsflyerExternalId "
    "appsflyer_uid af_uid",
    "idfa": "idfa IDFA $idfa ios_idfa",
    "idfv": "idfv IDFV $idfv ios_idfv",
    "att": "att att_status attStatus $attConsentStatus",
    "advertising_id": "advertising_id advertisingId adid ADID gaid GAID aaid AAID $gpsAdId gps_adid "
    "google_advertising_id",
    "oaid": "oaid OAID $oaid",
    "amazon_aid": "amazon_aid amazonAid $amazonAdId amazon_advertising_id amazonAdvertisingId amazon_ad_id fire_adid",
    "imei": "imei IMEI",
    "app_set_id": "app_set_id appSetId android_app_set_id",
}
REAL: dict[str, Any] = {
    "appsflyer_id": ID, "idfa": IDFA, "idfv": IDFV, "att": 3, "advertising_id": GAID, "oaid": GAID,
    "amazon_aid": GAID, "imei": IMEI, "app_set_id": APP_SET,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["user_properties", "event_properties"])
@pytest.mark.parametrize("field", SPELLINGS)
def test_each_usual_spelling_is_found(field: str, kind: str) -> None:
    """Set by apps, RevenueCat, Segment, Adjust and RudderStack, as user or as event property."""
    make = ios if field in ("idfa", "idfv", "att") else bare if field == "appsflyer_id" else android
    absent = {"idfa": None} if make is ios else {"adid": None} if make is android else {}
    spellings = SPELLINGS[field].split()
    found = {each: sent(make(**{**absent, kind: {each: REAL[field]}})).get(field) for each in spellings}
    assert found == dict.fromkeys(spellings, REAL[field])


@pytest.mark.parametrize("field", ["appsflyer_id", "appsflyerId", "$appsflyerId"])
def test_the_appsflyer_id_may_be_a_field_of_the_event(field: str) -> None:
    assert sent(bare(**{field: ID}))["appsflyer_id"] == ID


FORMS: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    (ios(idfa=IDFA.lower()), {"idfa": IDFA}, set()),
    (ios(idfa=None, idfv=IDFV.lower()), {"idfa": None, "idfv": IDFV}, set()),
    (ios(idfa=ZERO), {"idfa": None}, {"zero_identifier", "no_device_identifier"}),
    (ios(idfa="nonsense"), {"idfa": None}, {"malformed_identifier", "no_device_identifier"}),
    (ios(idfa=42), {"idfa": None}, {"malformed_identifier", "no_device_identifier"}),
    (ios(idfa=""), {"idfa": None}, {"no_device_identifier"}),
    (ios(user_properties={"idfa": ZERO}), {"idfa": IDFA}, set()),
    (ios(appsflyer_id=f" {ID} "), {"appsflyer_id": ID}, set()),
    (ios(appsflyer_id="1700000000000-1"), {"appsflyer_id": "1700000000000-1"}, set()),
    (android(adid=ZERO), {"advertising_id": None}, {"zero_identifier", "no_device_identifier"}),
    (android(adid=None, android_id="9774d56d682e549c"), {"android_id": None}, {"no_device_identifier"}),
    (android(adid=None, android_app_set_id=GAID), {"app_set_id": {"scope": 1, "id": GAID}}, set()),
    (android(idfa=IDFA, idfv=IDFV, user_properties={"att": 3}), {"idfa": None, "idfv": None, "att": None}, set()),
    (ios(adid=GAID, user_properties={"oaid": GAID, "imei": IMEI}), {"advertising_id": None, "oaid": None}, set()),
    *((ios(user_properties={"att": att}), {"att": int(att)}, set()) for att in (0, 1, 2, 3, "0", "3", 3.0)),
    *((ios(user_properties={"att": bad}), {"att": None}, {"malformed_identifier"}) for bad in (4, -1, "4", True, 2.5)),
    (ios(user_properties={"att": "denied"}), {"att": 2}, set()),
    (ios(os_version=None), {"os": None}, {"no_os"}),
    (android(os_version=None), {"os": None}, set()),
    (ios(user_id=None), {"customer_user_id": None}, {"no_customer_user_id"}),
    (ios(ip="203.0.113.7"), {"ip": "203.0.113.7"}, set()),
    (ios(ip="2001:db8::1"), {"ip": None}, {"not_ipv4"}),
    (ios(ip="256.1.1.1"), {"ip": None}, {"not_ipv4"}),
    (ios(ip="$remote"), {"ip": None}, set()),
    (export(), {"idfa": IDFA, "ip": "203.0.113.7", "app_version_name": "3.1", "os": "17.4"}, set()),
]


@pytest.mark.parametrize(("event", "fields", "warnings"), FORMS, ids=range(len(FORMS)))
def test_identifiers_have_appsflyers_form_or_are_absent(
    event: dict[str, Any], fields: dict[str, Any], warnings: set[str]
) -> None:
    """Of the app's platform only; what is zero, malformed or no IPv4 address is left out, and said."""
    (line,) = explained(event)
    assert {name: line["request"]["body"].get(name) for name in fields} == fields
    assert warned_of(line) == warnings


@pytest.mark.parametrize(
    ("stated", "app"),
    [
        ("iOS", "id1"), ("ios", "id1"), ("iPadOS", "id1"), ("Android", "com.a.b"), ("ANDROID", "com.a.b"),
        ("Fire OS", "com.a.b"), ("Web", None), ("tvOS", None), ("Windows", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["platform", "os_name"])
def test_the_platform_decides_the_app(stated: str, app: str | None, field: str) -> None:
    (line,) = explained(ios(**{"platform": None, field: stated}))
    assert (line["request"] or {}).get("url") == (app and f"https://api3.appsflyer.com/inappevent/{app}")
    assert line["reason"] == (None if app else "platform")


def at(seconds_ago: int) -> int:
    return NOW_MS - seconds_ago * 1000


def identify(seconds_ago: int, **operations: Any) -> dict[str, Any]:
    return bare(event_type="$identify", time=at(seconds_ago), user_properties=operations)


SET, UNSET = {"appsflyer_id": ID, "idfa": IDFA}, {"appsflyer_id": "-"}
NOWHERE: dict[str, Any] = {"device_id": None}
SEQUENCES: dict[str, tuple[list[Any], list[str]]] = {
    "$set": ([identify(50, **{"$set": SET}), bare()], ["1 filtered reserved", f"2 sent {ID} {IDFA}"]),
    "$setOnce": ([identify(50, **{"$setOnce": SET}), bare()], ["1 filtered reserved", f"2 sent {ID} {IDFA}"]),
    "$setOnce beside a plain property": (
        [identify(50, **SET, **{"$setOnce": {"appsflyer_id": OTHER_ID}}), bare()],
        ["1 filtered reserved", f"2 sent {ID} {IDFA}"],
    ),
    "a later $setOnce": (
        [identify(50, **{"$set": SET}), identify(45, **{"$setOnce": {"appsflyer_id": OTHER_ID}}), bare()],
        ["1 filtered reserved", "2 filtered reserved", f"3 sent {ID} {IDFA}"],
    ),
    "a later $setOnce of an ordinary event, which is no value of its own": (
        [ios(), bare(user_properties={"$setOnce": {"appsflyer_id": OTHER_ID, "idfv": IDFV}}), bare()],
        [f"1 sent {ID} {IDFA}", f"2 sent {ID} {IDFA}", f"3 sent {ID} {IDFA}"],
    ),
    "the $setOnce of an ordinary event alone": (
        [bare(user_properties={"$setOnce": SET}), bare()],
        [f"1 sent {ID} {IDFA}", f"2 sent {ID} {IDFA}"],
    ),
    "two of $setOnce, the later one first": (
        [
            identify(45, **{"$setOnce": {"appsflyer_id": OTHER_ID}}),
            identify(50, **{"$setOnce": SET}),
            bare(time=at(40)),
        ],
        ["1 filtered reserved", "2 filtered reserved", f"3 sent {ID} {IDFA}"],
    ),
    "$set after $setOnce": (
        [identify(50, **{"$setOnce": SET}), identify(45, **{"$set": {"appsflyer_id": OTHER_ID}}), bare()],
        ["1 filtered reserved", "2 filtered reserved", f"3 sent {OTHER_ID} {IDFA}"],
    ),
    "$setOnce after $unset": (
        [ios(), identify(50, **{"$unset": UNSET}), identify(45, **{"$setOnce": {"appsflyer_id": OTHER_ID}}), bare()],
        [f"1 sent {ID} {IDFA}", "2 filtered reserved", "3 filtered reserved", f"4 sent {OTHER_ID} {IDFA}"],
    ),
    "$unset after $setOnce": (
        [identify(50, **{"$setOnce": SET}), identify(45, **{"$unset": UNSET}), bare(time=at(40))],
        ["1 filtered reserved", "2 filtered reserved", "3 held no_appsflyer_id"],
    ),
    "$clearAll and $setOnce of one event": (
        [ios(), identify(50, **{"$clearAll": "-", "$setOnce": {"appsflyer_id": OTHER_ID}}), bare()],
        [f"1 sent {ID} {IDFA}", "2 filtered reserved", f"3 sent {OTHER_ID} None"],
    ),
    "$setOnce of another device": (
        [ios(), bare(device_id="d2", user_properties={"$setOnce": {"appsflyer_id": OTHER_ID}})],
        [f"1 sent {ID} {IDFA}", f"2 sent {OTHER_ID} None"],
    ),
    "$setOnce of a broken one": (
        [ios(), bare(user_properties={"$setOnce": {"appsflyer_id": "broken"}})],
        [f"1 sent {ID} {IDFA}", f"2 sent {ID} {IDFA}"],
    ),
    "plain": ([identify(50, **SET), bare()], ["1 filtered reserved", f"2 sent {ID} {IDFA}"]),
    "$append teaches nothing": (
        [identify(50, **{"$append": SET}), bare()],
        ["1 filtered reserved", "2 held no_appsflyer_id"],
    ),
    "$unset": (
        [ios(), identify(50, **{"$unset": UNSET}), bare(time=at(40))],
        [f"1 sent {ID} {IDFA}", "2 filtered reserved", "3 held no_appsflyer_id"],
    ),
    "$unset of one": (
        [ios(), identify(50, **{"$unset": {"idfa": "-"}}), bare(time=at(40))],
        [f"1 sent {ID} {IDFA}", "2 filtered reserved", f"3 sent {ID} None"],
    ),
    "$set after $unset": (
        [ios(), identify(50, **{"$unset": UNSET}), identify(45, **{"$set": {"appsflyer_id": OTHER_ID}}), bare()],
        [f"1 sent {ID} {IDFA}", "2 filtered reserved", "3 filtered reserved", f"4 sent {OTHER_ID} {IDFA}"],
    ),
    "an older $set after $unset": (
        [ios(), identify(50, **{"$unset": UNSET}), identify(55, **{"$set": SET}), bare(time=at(40))],
        [f"1 sent {ID} {IDFA}", "2 filtered reserved", "3 filtered reserved", "4 held no_appsflyer_id"],
    ),
    "two devices": (
        [ios(), ios(device_id="d2", appsflyer_id=OTHER_ID, idfa=IDFV), bare(), bare(device_id="d2")],
        [f"1 sent {ID} {IDFA}", f"2 sent {OTHER_ID} {IDFV}", f"3 sent {ID} {IDFA}", f"4 sent {OTHER_ID} {IDFV}"],
    ),
    "a third device": ([ios(), bare(device_id="d3")], [f"1 sent {ID} {IDFA}", "2 held no_appsflyer_id"]),
    "no device: the latest by its events": (
        [ios(device_id="d2", appsflyer_id=OTHER_ID, time=at(50)), ios(time=at(60)), bare(**NOWHERE)],
        [f"1 sent {OTHER_ID} {IDFA}", f"2 sent {ID} {IDFA}", f"3 sent {OTHER_ID} {IDFA}"],
    ),
    "two platforms": (
        [ios(), android(device_id="d2"), bare(**NOWHERE), bare(**NOWHERE, platform="Android")],
        [f"1 sent {ID} {IDFA}", f"2 sent {ANDROID_ID} None", f"3 sent {ID} {IDFA}", f"4 sent {ANDROID_ID} None"],
    ),
    "never across platforms": (
        [ios(), bare(platform="Android"), bare(**NOWHERE, platform="Android")],
        [f"1 sent {ID} {IDFA}", "2 held no_appsflyer_id", "3 held no_appsflyer_id"],
    ),
    "never across users": ([ios(), bare(user_id="bob")], [f"1 sent {ID} {IDFA}", "2 held no_appsflyer_id"]),
    "an older event does not undo": (
        [ios(appsflyer_id=OTHER_ID, time=at(30)), ios(), bare(time=at(20))],
        [f"1 sent {OTHER_ID} {IDFA}", f"2 sent {ID} {IDFA}", f"3 sent {OTHER_ID} {IDFA}"],
    ),
    "late": (
        [bare(), bare(event_type="b"), identify(50, **{"$set": SET})],
        [
            "1 held no_appsflyer_id",
            "2 held no_appsflyer_id",
            "3 filtered reserved",
            f"1 <3 sent {ID} {IDFA}",
            f"2 <3 sent {ID} {IDFA}",
        ],
    ),
    "late, of another device": (
        [bare(), ios(device_id="d2"), bare(**NOWHERE)],
        ["1 held no_appsflyer_id", f"2 sent {ID} {IDFA}", f"3 sent {ID} {IDFA}"],
    ),
    "the platform is remembered": (
        [ios(), bare(platform=None), bare(platform=None, device_id="d2")],
        [f"1 sent {ID} {IDFA}", f"2 sent {ID} {IDFA}", "3 held no_appsflyer_id"],
    ),
    "a server that knows no platform": (
        [identify(50, **{"$set": SET}) | {"platform": ""}, android(appsflyer_id=None, adid=None), bare(time=at(30))],
        ["1 filtered reserved", "2 held no_appsflyer_id", f"3 sent {ID} {IDFA}"],
    ),
    "no AppsFlyer id out of another id": (
        [bare(user_id=ID), bare(user_id=None, device_id=ID)],
        ["1 held no_appsflyer_id", "2 held no_appsflyer_id"],
    ),
    "the same insert_id": (
        [ios(insert_id="i"), export(**{"$insert_id": "i"}), ios(insert_id="i", device_id="d2")],
        [f"1 sent {ID} {IDFA}", "2 duplicate", "3 duplicate"],
    ),
    "the same insert_id of another": (
        [ios(insert_id="i"), ios(insert_id="i", user_id="bob"), ios(insert_id="i", user_id=None)],
        [f"{line} sent {ID} {IDFA}" for line in (1, 2, 3)],
    ),
    "no insert_id": ([ios(insert_id=""), ios(insert_id="")], [f"{line} sent {ID} {IDFA}" for line in (1, 2)]),
    "a duplicate of one that waits": (
        [bare(insert_id="i"), bare(insert_id="i"), ios()],
        ["1 held no_appsflyer_id", "2 duplicate", f"3 sent {ID} {IDFA}", f"1 <3 sent {ID} {IDFA}"],
    ),
    **{name: ([ios(event_type=name)], ["1 filtered reserved"]) for name in ("$groupidentify", "_all", "_identify")},
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_what_is_known_of_a_device(name: str) -> None:
    """Its own events' identifiers, then the same device's, then the user's latest of the platform; newest wins."""
    lines, expected = SEQUENCES[name]
    found = []
    for line in explained(*lines):
        body = (line["request"] or {}).get("body")
        found.append(fate(line) + (f" {body['appsflyer_id']} {body.get('idfa')}" if body else ""))
    assert found == expected
