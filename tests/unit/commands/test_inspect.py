"""`python -m flows inspect`: what a source holds, in counts."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.event_writer import TakenEvent
from flows.commands.main import main
from flows.operations import inspect as operation
from tests.fixtures.inbox import append

SETTINGS = """\
[source]
kind = "files"
paths = ["*.json*"]

[[sync]]
name = "production"
ios_app_id = "id1"
s2s_key = "env:NO_KEY_IS_NEEDED"

[[sync.event]]
name = "Order"
where = [{ property = "event.total", greater_than = 10 }]
"""
APPSFLYER_ID = "1700000000000-1234567"
IDFV = "9C6E1C4B-1F0B-4A8A-8E4F-0C2D4F2B9A11"


def event(name: str = "Order", user: str = "ada", **fields: Any) -> dict[str, Any]:
    given = {"event_type": name, "user_id": user, "platform": "iOS", "time": 1_772_000_000_000}
    return given | {"user_properties": {"appsflyer_id": APPSFLYER_ID}, "event_properties": {"total": 20}} | fields


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give an empty directory with the settings."""
    monkeypatch.setenv("STREAM_SETTINGS", "")
    monkeypatch.chdir(tmp_path)
    Path("stream.toml").write_text(SETTINGS)


def write(*events: Any, path: str = "a.json") -> None:
    Path(path).write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in events))


def found(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["inspect", "--json", *arguments]) == code
    inspection: dict[str, Any] = json.loads(capsys.readouterr().out)
    return inspection


def test_names_platforms_and_selections_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    small = event(event_properties={"total": 1})
    write(event(), small, event("View", platform="Android"), event("View", "bob", platform="Web"), "no JSON")
    seen = found(capsys)
    assert (seen["records"], seen["events"], seen["refused"]) == (5, 4, {"undecodable": 1})
    assert (seen["oldest_ms"], seen["newest_ms"]) == (1_772_000_000_000, 1_772_000_000_000)
    assert seen["names"] == [
        {"name": "Order", "events": 2, "platforms": {"ios": 2}, "selected": {"production": 1}},
        {"name": "View", "events": 2, "platforms": {"android": 1, "other": 1}, "selected": {}},
    ]
    assert {each["platform"]: (each["events"], each["users"]) for each in seen["platforms"]} == {
        "ios": (2, 1),
        "android": (1, 1),
        "other": (1, 1),
    }


def test_identifiers_have_shares_of_events_and_users_their_paths_and_what_is_unusable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    zeros = "00000000-0000-0000-0000-000000000000"
    write(
        event(),
        event(user_properties={"af_uid": APPSFLYER_ID, "idfv": IDFV, "idfa": zeros}),
        event(user_properties={}),
        event(user="bob", user_properties={"appsflyer_id": "nonsense"}),
    )
    (ios,) = found(capsys)["platforms"]
    identifiers = {each["name"]: each for each in ios["identifiers"]}
    assert list(identifiers) == ["appsflyer_id", "idfa", "idfv", "att"]
    of_install = identifiers["appsflyer_id"]
    assert (of_install["events"], of_install["users"], of_install["malformed"]) == (2, 1, 1)
    assert of_install["paths"] == {"user_properties.appsflyer_id": 1, "user_properties.af_uid": 1}
    assert (identifiers["idfa"]["events"], identifiers["idfa"]["zeroed"]) == (0, 1)
    assert identifiers["idfv"]["paths"] == {"user_properties.idfv": 1}
    assert "postback" in identifiers["idfa"]["without"]


def test_a_condition_goes_by_what_earlier_events_have_taught(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stream.toml").write_text(SETTINGS.replace("event.total", "user.orders"))
    write(event("$identify", user_properties={"$set": {"orders": 11}}), event(user_properties={}))
    names = {each["name"]: each["selected"] for each in found(capsys)["names"]}
    assert names == {"$identify": {}, "Order": {"production": 1}}


def test_it_looks_at_as_many_as_it_is_told_to_and_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    for hour in range(12):
        Path(f"{hour}.json.gz").write_bytes(gzip.compress(json.dumps(event()).encode() * 1 + b"\n"))
    write(*[event()] * 30)
    assert found(capsys, "--events", "10")["records"] == 10
    whole = found(capsys, "--all")
    assert (whole["records"], whole["is_whole"]) == (42, True)


def test_what_cannot_be_read_is_said_and_costs_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    write(event())
    Path("b.json.gz").write_bytes(gzip.compress(json.dumps(event()).encode())[:20])
    for arguments in ((), ("--all",)):
        seen = found(capsys, *arguments)
        assert seen["events"] == 1
    (problem,) = seen["damages"]
    assert problem.startswith("b.json.gz")


def test_an_inbox_is_looked_at_from_its_latest_event(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stream.toml").write_text(SETTINGS.replace('"files"', '"inbox"').replace('paths = ["*.json*"]', ""))
    assert found(capsys, code=1)["events"] == 0
    names = [f"event {number}" for number in range(2500)]
    append(Path("inbox"), [TakenEvent(json.dumps(event(each)).encode(), b"ada", 1, "") for each in names])
    seen = found(capsys, "--events", "3")
    assert [each["name"] for each in seen["names"]] == names[-3:]
    assert found(capsys, "--all")["records"] == 2500


def test_the_names_that_are_told_apart_are_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile sender makes up as many names as it likes."""
    monkeypatch.setattr(operation, "_MOST_NAMES", 2)
    monkeypatch.setattr(operation, "_MOST_USERS", 2)
    write(*(event(f"name {number}", f"user {number}") for number in range(5)), event("name 0", "user 0"))
    seen = found(capsys)
    assert ([each["events"] for each in seen["names"]], seen["other_names"], seen["events"]) == ([2, 1], 3, 6)
    assert seen["platforms"][0]["users"] == 2


def test_people_read_tables_that_cut_no_name_and_no_value_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    long = "A name of an event that is longer than a terminal is wide " * 2
    write(event(long.strip()), event("evil\x1b[2J"), event("Order", platform="Web"), event(user_properties={}))
    assert main(["inspect"]) == 0
    said = capsys.readouterr().out
    assert long.strip() in said
    assert "…" not in said
    assert "\x1b" not in said
    assert "evil\\x1b[2J" in said
    assert "iOS: 3 events, 75% of all, of 1 user" in said
    assert "user_properties.appsflyer_id 100%" in said
    assert "without appsflyer_id: an event without it waits" in said
    assert "without idfa: self-reporting networks" in said
    assert APPSFLYER_ID not in said
    assert "ada" not in said


@pytest.mark.parametrize("arguments", [["--events", "0"], ["--events", "x"], ["--all", "--events", "3"]])
def test_wrong_numbers_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["inspect", *arguments])
    assert stop.value.code == 2
    assert "--events" in capsys.readouterr().err


def test_a_kafka_that_is_not_there_is_1_and_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka.probe.ANSWER_SECONDS", 0.2)
    kafka = 'kind = "kafka"\nbootstrap_servers = "127.0.0.1:1"\ntopic = "t"'
    Path("stream.toml").write_text(SETTINGS.replace('kind = "files"\npaths = ["*.json*"]', kafka))
    assert main(["inspect"]) == 1
    assert "source.bootstrap_servers: no use of Kafka at 127.0.0.1:1" in capsys.readouterr().err
    assert main(["inspect", "--all"]) == 1
    assert "source.topic: a topic is not read as a whole" in capsys.readouterr().err
