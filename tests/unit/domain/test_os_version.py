"""The OS version within what SDKs and servers write around it.

Source: AppsFlyer, OpenAPI of the S2S events API: `os` is the version, such as 14.5.1.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.os_version import read_os_version
from tests.fixtures.explained import android, explained, ios, warned_of


@pytest.mark.parametrize(
    ("text", "version"),
    [
        *((plain, plain) for plain in ("17", "17.4", "17.4.1", "8.0.0", "14.5.1.2", "007")),
        ("iOS 17.4", "17.4"), ("ios17.4", "17.4"), ("iOS/17.4", "17.4"), ("iPadOS 17.4.1", "17.4.1"),
        ("iPhone OS 17_4_1", "17.4.1"), ("iPhone OS 17.4", "17.4"), ("17_4_1", "17.4.1"), ("iOS Version 17.4", "17.4"),
        ("Version 17.4 (Build 21E219)", "17.4"), ("iOS 17.4 (21E219)", "17.4"), ("17.4 (21E219)", "17.4"),
        ("16.4.1 (a)", "16.4.1"), ("CPU iPhone OS 17_4_1 like Mac OS X", "17.4.1"), ("v17.4", "17.4"),
        (" 17.4 ", "17.4"),
        ("Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15", "16.7"), ("OS 17.4", "17.4"),
        ("Android 14", "14"), ("Android 8.1.0", "8.1.0"), ("14 (API 34)", "14"), ("android14", "14"), ("9 Pie", "9"),
        ("Android OS 13 / API-33 (TP1A.220624.014/13.1)", "13"), ("Android 13 (API level 33)", "13"),
        ("13; SM-G991B", "13"),
        ("Linux; Android 13; Pixel 7", "13"), ("Fire OS 8.3.1", "8.3.1"), ("Android Version 12", "12"),
    ],
)  # fmt: skip
def test_the_version_is_taken_out(text: str, version: str) -> None:
    assert read_os_version(text) == version


@pytest.mark.parametrize(
    "text",
    [
        "Darwin 23.4.0", "Darwin Kernel Version 23.4.0: Fri Mar 15", "Linux 6.1.0", "Linux version 5.10.43",
        "5.10.43-android12-9-00001", "5.15.0-91-generic", "Linux 5.10.43-android12-9", "Unix 5.4.0", "xnu-10063",
        "Microsoft Windows NT 10.0.19045", "macOS 14.4", "iOS", "Android", "unknown", "-", "", " ", "21E219", "API 34",
        "Android API 34", "android-34", "UpsideDownCake", "REL", "x" * 1000,
    ],
)  # fmt: skip
def test_what_holds_none_is_none(text: str) -> None:
    """A kernel's version, a build or an API level is another number than the system's version."""
    assert read_os_version(text) is None


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.text("iOSAndroid 0123456789._-()", max_size=40))
def test_what_is_read_is_a_version(text: str) -> None:
    version = read_os_version(text)
    assert version is None or re.fullmatch(r"[0-9]+(\.[0-9]+)*", version)


def test_a_kernel_does_not_take_the_place_of_what_the_device_has_stated() -> None:
    """The event of a server, of the same device, goes out with the version that the app has stated."""
    first, second = explained(ios(), ios(os_version="Darwin 23.4.0"))
    assert [line["request"]["body"]["os"] for line in (first, second)] == ["17.4", "17.4"]
    assert warned_of(second) == set()


def test_where_no_version_is_known_it_is_said() -> None:
    for event in (ios(os_version="Darwin 23.4.0"), android(os_version="Linux 6.1.0")):
        (line,) = explained(event)
        assert "os" not in line["request"]["body"]
        assert warned_of(line) == {"no_os"}
