"""docs/mapping.md says what the steps do: its example, its tables of fields, paths and warnings."""

import re
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.appsflyer.fields import CANONICAL
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.identifiers import DEFAULT_PATHS, PLATFORM_IDENTIFIERS
from flows.domain.select import RESERVED
from flows.domain.timestamp import parse_text
from flows.domain.warning import PLAIN_WORDS, EventWarning
from flows.operations.explain import Explainer
from flows.settings.file import check
from tests.docs.markdown import ROOT, blocks

PAGE = ROOT / "docs/mapping.md"
TEXT = PAGE.read_text(encoding="utf-8")
SOURCE = {"kind": "kafka", "bootstrap_servers": "localhost:9092", "topic": "amplitude-events"}
UUID = "38400000-8cf0-11bd-b23e-10b96e40000d"
FULL: dict[str, Any] = {
    "event_type": "Order Completed",
    "user_id": "u-1",
    "device_id": "d-1",
    "os_version": "17.4",
    "app_version": "1.0",
    "ip": "203.0.113.7",
    "event_properties": {"$revenue": 1, "$currency": "EUR"},
    "user_properties": {
        "appsflyer_id": "1700000000000-1234567",
        **dict.fromkeys(("idfa", "idfv", "advertising_id", "oaid", "amazon_aid", "app_set_id"), UUID),
        "imei": "356938035643809",
        "att": 3,
        "consent_data": {"manual": {"gdpr_applies": False}},
        "sharing_filter": "all",
        "aie": True,
        "custom_data": {"a": 1},
        "ua": "agent",
        "app_store": "store",
        "app_type": "app_clip",
        "fb_login_id": "123",
        **dict.fromkeys([name for name in CANONICAL if name.endswith("_hashed")], "ab" * 32),
    },
}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line[1:-1].split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def request(event: dict[str, Any], sync: dict[str, Any]) -> dict[str, Any]:
    """Return the request that becomes of an event at its own time."""
    # Five hashes alone are most of a kilobyte.
    settings = check({"source": SOURCE, "delivery": {"max_body_bytes": 4096}, "sync": [sync]}, Path("stream.toml"))
    now_ms = parse_text(event.get("event_time", "2026-11-20 12:00:00")) or 0
    (explained,) = Explainer(settings).explain(1, orjson.dumps(event), now_ms)
    assert explained.request is not None, explained
    return explained.request


def test_the_example_is_what_happens() -> None:
    (settings,) = blocks(PAGE, "toml")
    event, body = (orjson.loads(block.text) for block in blocks(PAGE, "json"))
    sent = request(event, tomllib.loads(settings.text)["sync"][0])
    assert sent["body"] == body
    assert list(sent["body"]) == list(body)
    assert f"`POST {sent['url']}`" in TEXT


@pytest.mark.parametrize("platform", ["iOS", "Android"])
def test_every_field_of_a_request_is_in_the_table(platform: str) -> None:
    """And what the table calls the platform's own is what requests of this platform have."""
    sync = {
        "name": "production",
        "ios_app_id": "id1",
        "android_app_id": "com.example.app",
        "ios_bundle_id": "com.example.app",
        "s2s_key": "env:KEY",
        "events": "all",
        "fields": {name: f"user_properties.{name}" for name in CANONICAL},
        "properties": {"event": []},
    }
    body = request({**FULL, "platform": platform}, sync)["body"]
    wanted: set[str] = set()
    for fields, _, rule, _ in rows("The request's fields"):
        only = re.match(r"(iOS|Android) only", rule)
        if only is None or only[1] == platform:
            wanted |= set(names(fields))
    assert body.keys() == wanted


def test_every_row_of_the_fields_names_its_source() -> None:
    sources = set(re.findall(r"^- (\[\w+\])", TEXT, re.MULTILINE))
    for *_, source in rows("The request's fields"):
        assert source
        assert set(source.split()) <= sources
    assert set(re.findall(r"\[[AM]\d\]", TEXT)) == sources


def test_the_paths_of_identifiers_are_the_defaults() -> None:
    """Each identifier with each name, in the order in which they are looked for, and its platform."""
    table = {names(row[0])[0]: row for row in rows("Identifiers")}
    assert table.keys() == DEFAULT_PATHS.keys()
    for identifier, (_, platform, properties, fields, _) in table.items():
        places = ("user_properties", "event_properties")
        paths = [f"{place}.{name}" for place in places for name in names(properties)] + names(fields)
        assert tuple(paths) == DEFAULT_PATHS[identifier]
        platforms = [each for each, known in PLATFORM_IDENTIFIERS.items() if identifier in known]
        assert platform.lower() == (*platforms, "ios" if identifier == "att" else "both")[0]


def test_every_warning_is_told_in_the_words_of_the_program_and_with_what_to_do() -> None:
    table = {names(row[0])[0]: row[1:] for row in rows("Warnings")}
    assert list(table) == [each.value for each in EventWarning]
    for warning, (meaning, do) in table.items():
        assert meaning == PLAIN_WORDS[EventWarning(warning)]
        assert do


def test_every_further_field_is_told() -> None:
    told = [name for row in rows("Consent and further fields") for name in names(row[0])]
    assert sorted(told) == sorted(CANONICAL)


def test_reasons_and_reserved_names_are_those_of_the_program() -> None:
    reasons = {each.value for each in (*FilterReason, *DeadLetterReason)}
    told = set(re.findall(r"(?:filtered: |dead letter `|dead letters `)(\w+)", TEXT, re.IGNORECASE))
    assert told <= reasons
    assert {"invalid_event", "undecodable", "no_appsflyer_id", "too_large"} <= told
    assert all(f"`{name}`" in TEXT for name in RESERVED)
