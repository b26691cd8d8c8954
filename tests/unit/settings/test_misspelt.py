"""Properties of any settings file: a misspelt key is refused with a suggestion; only SettingsError is raised."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.settings import Problem, SettingsError
from flows.settings.file import parse
from tests.fixtures.examples import examples

FILE = Path("/srv/stream.toml")

FULL: dict[str, Any] = {
    "source": {
        "kind": "kafka",
        "bootstrap_servers": "k:9092",
        "topic": "amplitude",
        "group_id": "g",
        "start": "latest",
        "on_out_of_range": "fail",
        "watch_partitions_seconds": 60,
        "warm_up_hours": 24,
        "properties": {"security.protocol": "SSL"},
    },
    "identity": {
        "remember_days": 90,
        "remember_insert_ids": 100,
        "remember_users": 1000,
        "hold_seconds": 300,
        "settle_seconds": 0,
        "hold_events": 100,
        "hold_megabytes": 256,
        "paths": {"appsflyer_id": ["user_properties.x"], "advertising_id": ["adid"], "app_set_id": ["a"]},
        "platforms": {"ios": ["x"], "android": ["y"], "other": ["z"]},
    },
    "window": {"max_events": 100, "max_wait_ms": 50},
    "delivery": {
        "endpoint": "https://api3.appsflyer.com",
        "timeout_seconds": 15,
        "max_in_flight": 256,
        "max_pending": 20000,
        "max_requests_per_second": 0,
        "ramp_requests_per_second_per_minute": 2000,
        "adaptive_limits": False,
        "retry_minutes": 240,
        "on_rejected_credentials": "pause",
        "max_body_bytes": 1024,
        "drain_seconds": 25,
        "ca_file": "ca.pem",
        "proxy": "http://proxy:3128",
    },
    "dead_letters": {"kind": "kafka", "topic": "dead", "bootstrap_servers": "k:9092", "properties": {}},
    "state": {"directory": "state", "epoch_seconds": 10},
    "health": {"host": "127.0.0.2", "port": 9464, "add_slice_to_port": True},
    "sync": [
        {
            "name": "production",
            "enabled": True,
            "ios_app_id": "id1",
            "android_app_id": "com.example",
            "ios_bundle_id": "com.example",
            "android_bundle_id": "com.example",
            "s2s_key": "env:KEY",
            "default_currency": "EUR",
            "consent_where": [{"property": "user.consent", "is": True}],
            "properties": {"event": "all", "user": ["plan"], "group": []},
            "exclude": ["user.email"],
            "nested": "json",
            "fields": {"consent_data": "user_properties.consent", "ua": ["user_agent"]},
            "event": [
                {"name": "a", "send_as": "b", "where": [{"property": "platform", "does_not_contain": ["x"]}]},
                {"name": "c", "where": [{"property": "event.x", "greater_or_equal": 1}]},
            ],
        },
        {"name": "second", "ios_app_id": "id2", "dev_key": ["env:A", "file:b"], "events": "all", "properties": "all"},
    ],
}

KeyPath = tuple[str | int, ...]


def toml(value: Any) -> str:
    """Write a value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def document(value: dict[str, Any]) -> str:
    return "\n".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items())


def keys_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key)
            if not (key == "properties" and path in (("source",), ("dead_letters",))):
                yield from keys_of(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from keys_of(each, (*path, place))


PATHS = list(keys_of(FULL))
KNOWN = {str(path[-1]) for path in PATHS} | {
    "is", "is_not", "contains", "does_not_contain", "set_is", "set_is_not", "less_than", "greater_than", "events",
    "imei", "idfa", "idfv", "oaid", "att", "aie", "directory", "ua", "paths", "follow",
}  # fmt: skip


@st.composite
def misspelt(draw: st.DrawFn, key: str) -> str:
    """Return the key with one slip of the finger."""
    place = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_"))
    slips = [
        key[:place] + key[place + 1 :],
        key[:place] + letter + key[place:],
        key[:place] + letter + key[place + 1 :],
        key[:place] + key[place : place + 2][::-1] + key[place + 2 :],
    ]
    wrong = [each for each in slips if each not in KNOWN and each]
    return draw(st.sampled_from(wrong)) if wrong else key + key


def holder_of(value: Any, path: KeyPath) -> Any:
    for part in path[:-1]:
        value = value[part]
    return value


def rename(value: dict[str, Any], path: KeyPath, name: str) -> dict[str, Any]:
    """Return the document with one key renamed, in its place."""
    renamed = copy.deepcopy(value)
    holder = holder_of(renamed, path)
    items = [(name if key == path[-1] else key, each) for key, each in holder.items()]
    holder.clear()
    holder.update(items)
    return renamed


def problems_of(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse(text, FILE)
    return caught.value


def test_the_full_document_is_valid() -> None:
    """Otherwise the properties below would say nothing."""
    assert parse(document(FULL), FILE).syncs[1].key_kind == "dev_key"


@given(st.data())
@examples(300)
def test_any_single_misspelt_key_is_refused_with_a_suggestion(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS))
    name = data.draw(misspelt(str(path[-1])))
    (problem,) = problems_of(document(rename(FULL, path, name))).problems
    assert problem.key.endswith(name) or json.dumps(name) in problem.key
    assert problem.text.startswith('unknown key; did you mean "')


@given(st.data())
def test_every_misspelt_key_is_reported(data: st.DataObject) -> None:
    leaves = [path for path in PATHS if not isinstance(holder_of(FULL, path)[path[-1]], dict | list)]
    chosen = data.draw(st.lists(st.sampled_from(leaves), min_size=2, max_size=6, unique=True))
    wrong = FULL
    for path in chosen:
        wrong = rename(wrong, path, data.draw(misspelt(str(path[-1]))))
    unknown = [each for each in problems_of(document(wrong)).problems if each.text.startswith("unknown key")]
    assert len(unknown) == len(chosen)


VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["kafka", "all", "id1", ""])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@given(st.data())
@examples(300)
def test_whatever_a_value_is_the_answer_is_settings_or_one_line_a_mistake(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS))
    wrong = copy.deepcopy(FULL)
    holder_of(wrong, path)[path[-1]] = data.draw(VALUES)
    text = document(wrong).replace("\x7f", "").replace("NaN", "nan").replace("Infinity", "inf")
    problems: tuple[Problem, ...] | None = None
    try:
        parse(text, FILE)
    except SettingsError as error:
        problems = error.problems
    assert problems is None or problems
    for problem in problems or ():
        assert len(str(problem).splitlines()) == 1, str(problem)
        assert "; " in problem.text
