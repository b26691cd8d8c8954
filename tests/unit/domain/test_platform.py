"""The platform of an event: what it states by its names, and what its identifiers tell."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifiers import Value
from flows.domain.platform import BUILT_IN, PlatformNames, platform_of_values

UUID = "cdda802e-fb9c-47ad-9866-0794d394c912"
SENDERS = ["Server", "backend", "API", "node", "Python", "amplitude-node/1.3", "analytics-go", "unknown", "-"]


def event(**fields: Any) -> Event:
    body = {"event_type": "open", "user_id": "ada", **fields}
    (decoded,) = decode(Record(json.dumps(body).encode(), None, "topic", 0, 0, 0))
    assert isinstance(decoded, Event)
    return decoded


@pytest.mark.parametrize(
    ("fields", "platform"),
    [
        ({"platform": "iOS"}, "ios"),
        ({"platform": "IOS"}, "ios"),
        ({"platform": "iPadOS"}, "ios"),
        ({"platform": " ipados "}, "ios"),
        ({"platform": "IPhonePlayer"}, "ios"),
        ({"platform": "iPhone OS"}, "ios"),
        ({"platform": "iOS 17.4"}, "ios"),
        ({"platform": "Android"}, "android"),
        ({"platform": "ANDROID"}, "android"),
        ({"platform": "Fire OS"}, "android"),
        ({"platform": "Amazon Fire OS"}, "android"),
        ({"os_name": "ios"}, "ios"),
        ({"os_name": "Android"}, "android"),
        ({"platform": "", "os_name": "fire os"}, "android"),
        ({"platform": None, "os_name": "iPadOS"}, "ios"),
        ({"platform": "Android", "os_name": "ios"}, "android"),
        ({"platform": "Web", "os_name": "iOS"}, "other"),
        ({"platform": "Web", "os_name": "Chrome"}, "other"),
        ({"platform": "JavaScript"}, "other"),
        ({"platform": "WebGLPlayer"}, "other"),
        ({"os_name": "Windows"}, "other"),
        ({"os_name": "Windows 11"}, "other"),
        ({"os_name": "Mac OS X"}, "other"),
        ({"platform": "tvOS"}, "other"),
        ({}, None),
        ({"platform": None, "os_name": ""}, None),
    ],
)
def test_the_platform_is_what_the_event_states(fields: dict[str, Any], platform: str | None) -> None:
    """`platform`, else `os_name`, whatever the case; a browser on an iPhone is no iOS app."""
    assert PlatformNames().stated(event(**fields)) == platform


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(
    ("os_name", "platform"), [(None, None), ("iOS", "ios"), ("Android", "android"), ("Linux", None), ("Windows", None)]
)
def test_the_name_of_a_sender_is_no_platform(sender: str, os_name: str | None, platform: str | None) -> None:
    """A server that passes on what a device said may say the device's `os_name`; its own is no device's."""
    assert PlatformNames().stated(event(platform=sender, os_name=os_name)) == platform


def test_the_settings_names_come_before_the_built_in_ones() -> None:
    names = PlatformNames({"ios": ["tvOS", "Kiosk-7"], "android": ["HarmonyOS"], "other": ["Electron", "Amazon"]})
    for name, platform in {
        "tvos": "ios", "kiosk-7": "ios", "Kiosk-8": None, " HarmonyOS ": "android", "electron": "other",
        "amazon": "other", "iOS": "ios",
    }.items():  # fmt: skip
        assert names.stated(event(platform=name)) == platform


def test_no_name_stands_for_two_platforms() -> None:
    everything = [name for names in BUILT_IN.values() for name in names]
    assert len(everything) == len(set(everything))
    assert all(name == "".join(letter for letter in name.lower() if letter.isalpha()) for name in everything)


@given(st.text(max_size=12), st.text(max_size=12))
def test_whatever_is_stated_is_read(platform: str, os_name: str) -> None:
    """The same each time, and without regard to case where the name has one."""
    names = PlatformNames()
    stated = event(platform=platform, os_name=os_name)
    assert names.stated(stated) == names.stated(stated) == PlatformNames().stated(stated)
    assert names.stated(stated) in ("ios", "android", "other", None)


@pytest.mark.parametrize(
    ("values", "platform"),
    [
        ({"idfa": UUID}, "ios"),
        ({"idfv": UUID, "appsflyer_id": "1700000000000-1234567"}, "ios"),
        ({"advertising_id": UUID}, "android"),
        ({"oaid": UUID}, "android"),
        ({"amazon_aid": UUID}, "android"),
        ({"imei": "356938035643809"}, "android"),
        ({"app_set_id": (1, UUID)}, "android"),
        ({"appsflyer_id": "1700000000000-1234567890123"}, "android"),
        ({"appsflyer_id": "1700000000000-1234567890123456789"}, "android"),
        ({"appsflyer_id": "1700000000000-1234567"}, None),
        ({"appsflyer_id": "1700000000000-123456789012"}, None),
        ({"idfv": UUID, "advertising_id": UUID}, None),
        ({"idfv": UUID, "appsflyer_id": "1700000000000-1234567890123456789"}, None),
        ({"att": 3, "os_version": "17.4"}, None),
        ({}, None),
    ],
)
def test_identifiers_tell_their_platform(values: dict[str, Value], platform: str | None) -> None:
    """None where they contradict each other."""
    assert platform_of_values(values) == platform
