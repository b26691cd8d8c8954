"""OpenDSR's requests (AppsFlyer, OpenAPI of the OpenDSR API): one for each identity, at the apps that may know it."""

from uuid import uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.opendsr import (
    SubjectApp,
    SubjectIdentity,
    fingerprint,
    identities_of,
    request_body,
    wanted,
)
from connectors.appsflyer.sandbox.checks import KnownToSandbox
from connectors.appsflyer.sandbox.opendsr_checks import create
from flows.domain.event import Platform
from flows.domain.identifiers import Value
from flows.domain.profile import Profile

IDENTITIES = st.builds(
    SubjectIdentity,
    st.sampled_from(["appsflyer_id", "customer_user_id", "idfv"]),
    st.text(min_size=1, max_size=5),
    st.sampled_from(["ios", "android", None]),
)
APPS = st.builds(
    SubjectApp, st.sampled_from(["id1", "id2", "com.a", "com.b"]), st.sampled_from(["ios", "android"]), st.booleans()
)
IDFA, GAID = "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
ID, OLD_ID = "1700000000000-1111111", "1700000000000-2222222"


def taught(*lessons: tuple[Platform | None, str | None, dict[str, Value]]) -> set[SubjectIdentity]:
    profile = Profile()
    for time_ms, (platform, device_id, values) in enumerate(lessons):
        profile.learn(platform, device_id, time_ms, values, now_s=1)
    return identities_of(profile.state())


def test_each_identifier_is_named_as_appsflyer_names_it() -> None:
    """Of those that the state remembers; OpenDSR has no type for an OAID, an IMEI or an app set id."""
    identifiers: dict[str, Value] = {"appsflyer_id": ID, "advertising_id": GAID, "amazon_aid": GAID, "oaid": "o" * 20}
    found = taught(
        ("ios", "phone", {"appsflyer_id": ID, "idfa": IDFA, "idfv": IDFA, "att": 3, "os_version": "17.4"}),
        ("android", "tablet", {**identifiers, "imei": "1" * 15, "app_set_id": (1, GAID)}),
    )
    assert found == {
        SubjectIdentity("appsflyer_id", ID, "ios"),
        SubjectIdentity("ios_advertising_id", IDFA, "ios"),
        SubjectIdentity("idfv", IDFA, "ios"),
        SubjectIdentity("appsflyer_id", ID, "android"),
        SubjectIdentity("android_advertising_id", GAID, "android"),
        SubjectIdentity("fire_advertising_id", GAID, "android"),
    }


def test_what_a_device_of_no_stated_platform_taught_is_asked_for_everywhere() -> None:
    assert taught((None, "phone", {"appsflyer_id": ID})) == {SubjectIdentity("appsflyer_id", ID, None)}


def test_what_was_taught_without_a_platform_is_of_the_one_that_the_device_states() -> None:
    found = taught((None, "phone", {"appsflyer_id": ID}), ("ios", "phone", {}))
    assert found == {SubjectIdentity("appsflyer_id", ID, "ios")}


def test_a_value_that_was_set_once_counts_though_another_is_in_effect() -> None:
    """It may have been sent before."""
    profile = Profile()
    profile.learn("ios", "phone", 1, {}, once={"appsflyer_id": OLD_ID}, now_s=1)
    profile.learn("ios", "phone", 2, {"appsflyer_id": ID}, now_s=1)
    assert {each.value for each in identities_of(profile.state())} == {ID, OLD_ID}


def test_what_was_unset_and_a_mark_of_a_second_user_are_no_identities() -> None:
    profile = Profile()
    profile.learn("ios", "phone", 1, {"appsflyer_id": ID}, now_s=1)
    profile.learn("ios", "phone", 2, {}, ("appsflyer_id",), now_s=1)
    profile.inherit("other", {}, is_second=True, now_s=1)
    assert identities_of(profile.state()) == set()


@given(identities=st.lists(IDENTITIES, max_size=8), apps=st.lists(APPS, max_size=4))
def test_each_app_is_asked_for_what_it_may_know_and_for_nothing_else(
    identities: list[SubjectIdentity], apps: list[SubjectApp]
) -> None:
    """No identity of another platform (e319), and no user id that was never sent to it: it may be somebody else's."""
    found = wanted(identities, apps)
    for app_id, identity in found:
        assert any(
            app.id == app_id
            and app.platform == identity.platform
            and (app.has_user_ids or identity.type != "customer_user_id")
            for app in apps
        )
        assert any(each[:2] == identity[:2] and each.platform in (None, identity.platform) for each in identities)
    for app in apps:
        for each in identities:
            if each.platform in (None, app.platform) and each.type == "appsflyer_id":
                assert (app.id, each._replace(platform=app.platform)) in found
    assert wanted([each for _, each in found], apps) <= wanted(identities, apps)


@pytest.mark.parametrize("kind", ["appsflyer_id", "customer_user_id", "ios_advertising_id", "idfv"])
def test_a_request_passes_the_documented_checks(kind: str) -> None:
    body = request_body(
        str(uuid4()),
        "id123456789",
        SubjectIdentity(kind, IDFA, "ios"),  # type: ignore[arg-type]  # a parameter
        "2026-11-29T16:00:00Z",
    )
    reply, taken = create({"authorization": "Bearer t", "content-type": "application/json"}, body, [], now=0.0,
                          rules=KnownToSandbox())  # fmt: skip
    assert reply.status == 201, reply
    assert taken is not None
    assert (taken.type, taken.app_id, taken.identities) == ("erasure", "id123456789", ((kind, IDFA),))


@given(IDENTITIES, IDENTITIES, st.uuids(version=4), st.uuids(version=4))
def test_a_fingerprint_tells_identities_apart_and_is_another_in_each_request(
    one: SubjectIdentity, other: SubjectIdentity, first: object, second: object
) -> None:
    assert fingerprint(str(first), "id1", one) == fingerprint(str(first), "id1", one._replace(platform=None))
    assert (fingerprint(str(first), "id1", one) == fingerprint(str(first), "id1", other)) == (one[:2] == other[:2])
    assert fingerprint(str(first), "id1", one) != fingerprint(str(first), "id2", one)
    assert (fingerprint(str(first), "id1", one) == fingerprint(str(second), "id1", one)) == (first == second)


@given(IDENTITIES)
def test_a_body_names_one_identity_in_its_raw_form(identity: SubjectIdentity) -> None:
    body = orjson.loads(request_body("an id", "id1", identity, "now"))
    assert body["subject_identities"] == [
        {"identity_type": identity.type, "identity_value": identity.value, "identity_format": "raw"}
    ]
