import gzip
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from examples.sample.expected import LONG_HIKE_KM, SENT_AS, SYNC
from examples.sample_archive import DEFAULT_END, Sample, generate, settings_text
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.sync import Condition, Operator
from flows.settings.file import load, parse

EXPORT_KEYS = {
    "$insert_id", "event_type", "user_id", "device_id", "amplitude_id", "app", "event_id", "session_id", "uuid",
    "event_time", "client_event_time", "client_upload_time", "server_received_time", "server_upload_time",
    "processed_time", "user_creation_time", "event_properties", "user_properties", "group_properties", "groups",
    "data", "platform", "os_name", "os_version", "device_family", "device_type", "device_brand",
    "device_manufacturer", "device_model", "device_carrier", "version_name", "start_version", "ip_address",
    "country", "region", "city", "dma", "language", "location_lat", "location_lng", "idfa", "adid", "paying",
    "library", "amplitude_attribution_ids", "amplitude_event_type", "is_attribution_event", "sample_rate",
    "$schema",
}  # fmt: skip
DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]


def lines(sample: Sample) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(sample.archive())) as archive:
        return [line for name in archive.namelist() for line in gzip.decompress(archive.read(name)).splitlines()]


@pytest.fixture(scope="module")
def sample() -> Sample:
    return generate()


@pytest.fixture(scope="module")
def rows(sample: Sample) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(sample) if b'"uuid"' in line]


def test_the_same_arguments_give_the_same_bytes_and_others_give_others(sample: Sample) -> None:
    assert generate().archive() == sample.archive()
    assert generate(seed=8).archive() != sample.archive()


@pytest.mark.parametrize(("events", "users"), [(1, 1), (50, 3), (2000, 150), (3000, 20)])
def test_decode_reads_and_refuses_as_many_lines_as_are_expected(events: int, users: int) -> None:
    sample = generate(events, users, seed=events)
    decoded = [
        item for number, line in enumerate(lines(sample), 1) for item in decode(Record(line, None, "s", 0, number, 0))
    ]
    assert sum(isinstance(item, Event) for item in decoded) == events
    assert len(decoded) == sample.expected.read
    assert Counter(item.reason.value for item in decoded if not isinstance(item, Event)) == sample.expected.refused


@pytest.mark.parametrize(("events", "users"), [(1, 1), (50, 3), (2000, 150), (3000, 20)])
def test_every_event_has_one_expected_outcome(events: int, users: int) -> None:
    expected = generate(events, users, seed=events).expected
    outcomes = (*expected.filtered.values(), *expected.dead_lettered.values(), expected.delivered, expected.duplicate)
    assert sum(outcomes) == expected.read - sum(expected.refused.values()) == events


def test_the_members_are_named_and_ordered_as_amplitude_does(sample: Sample) -> None:
    with zipfile.ZipFile(io.BytesIO(sample.archive())) as archive:
        names = archive.namelist()
    assert names[0] == "310042/310042_2026-01-15_9#0.json.gz"
    assert "310042/310042_2026-01-15_10#1.json.gz" in names
    assert {name.split("#")[0].rsplit("_", 1)[1] for name in names} == {"9", "10", "11"}


def test_every_row_has_every_key_of_the_export(rows: list[dict[str, Any]]) -> None:
    assert all(row.keys() >= EXPORT_KEYS for row in rows)
    assert len({frozenset(row) for row in rows}) == 1
    assert all(isinstance(names, list) for row in rows for names in row["groups"].values())


def test_no_event_is_after_the_end_or_more_than_two_hours_before() -> None:
    end = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    for line in lines(generate(500, 20, end=end)):
        if b'"uuid"' in line:
            row = json.loads(line)
            for key in ("event_time", "server_upload_time", "processed_time"):
                moment = datetime.strptime(row[key], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
                assert end - timedelta(hours=2) < moment < end


def test_everything_that_the_stream_has_to_cope_with_is_in_it(rows: list[dict[str, Any]], sample: Sample) -> None:
    properties = [row["event_properties"] for row in rows]
    users = [row["user_properties"] for row in rows]
    assert {row["platform"] for row in rows} == {"iOS", "Android", "Web"}
    assert any(row["user_id"] is None for row in rows)
    assert any(row["device_id"] is None for row in rows)
    assert any(user.get("idfa") == "00000000-0000-0000-0000-000000000000" for user in users)
    assert any("gaid" in user for user in users)
    assert any("$set" in user for user in users)
    assert any(each.get("$price", 0) < 0 for each in properties)
    assert any("$revenue" in each for each in properties)
    assert len({each["$currency"] for each in properties if "$currency" in each}) >= 5
    assert any(len(each.get("review", "").encode()) > 700 for each in properties)
    assert any(isinstance(each.get("weather"), dict) for each in properties)
    assert any(row["groups"] for row in rows)
    repeated = Counter(row["$insert_id"] for row in rows)
    assert sum(count - 1 for count in repeated.values()) == sample.expected.duplicate == 20
    expected = sample.expected
    assert set(expected.filtered) == {"reserved", "not_selected", "platform"}
    assert expected.dead_lettered["no_appsflyer_id"] > 0
    assert expected.delivered > 100


def test_some_people_have_two_devices_with_an_appsflyer_id_each(rows: list[dict[str, Any]]) -> None:
    ids: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        known = row["user_properties"].get("appsflyer_id")
        if row["user_id"] and known:
            ids.setdefault(row["user_id"], set()).add((row["device_id"], known))
    assert max(map(len, ids.values())) == 2
    assert all(len({device for device, _ in pairs}) == len({known for _, known in pairs}) for pairs in ids.values())


def test_some_selected_events_come_before_their_device_has_an_appsflyer_id(rows: list[dict[str, Any]]) -> None:
    learned: set[str] = set()
    late: set[str] = set()
    for row in reversed(rows):
        known = row["user_properties"].get("appsflyer_id")
        if known:
            learned.add(row["device_id"])
        elif row["device_id"] in learned and row["event_type"] in ("Order Completed", "Sign Up", "Trial Started"):
            late.add(row["device_id"])
    assert late


def test_addresses_are_of_no_one(rows: list[dict[str, Any]]) -> None:
    addresses = {row["ip_address"] for row in rows} - {None}
    assert all(any(ip_address(address) in network for network in DOCUMENTATION) for address in addresses)
    assert any(":" in address for address in addresses)


def test_the_settings_survive_any_path() -> None:
    text = settings_text('/a "b"/{c}\\ü.zip', "http://127.0.0.1:1", "state", "letters", "env:KEY")
    settings = tomllib.loads(text)
    assert settings["source"]["paths"] == ['/a "b"/{c}\\ü.zip']
    assert settings["sync"][0]["s2s_key"] == "env:KEY"


def test_the_settings_select_what_the_expected_numbers_are_about() -> None:
    text = settings_text("a.zip", "http://127.0.0.1:1", "state", "letters", "env:KEY")
    (sync,) = parse(text, Path("/nowhere/stream.toml")).enabled_syncs
    assert sync.name == SYNC
    assert {row.name: row.send_as for row in sync.selections} == SENT_AS
    conditions = {row.name: row.where for row in sync.selections if row.where}
    wanted = Condition("event.distance_km", Operator.GREATER_OR_EQUAL, (LONG_HIKE_KM,))
    assert conditions == {"Hike Completed": (wanted,)}


def test_the_example_settings_are_valid() -> None:
    settings = load(Path(__file__).parents[3] / "examples" / "stream.toml")
    assert [sync.name for sync in settings.enabled_syncs] == ["production"]


def test_the_command_writes_the_archive_and_says_what_to_expect(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.sample_archive", str(tmp_path / "a.zip")]
    options = ["--events", "40", "--users", "4", "--seed", "1", "--end", DEFAULT_END.isoformat()]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    sample = generate(40, 4, 1)
    assert (tmp_path / "a.zip").read_bytes() == sample.archive()
    assert json.loads(done.stdout) == sample.expected.summary()


@pytest.mark.parametrize("option", [["--events", "0"], ["--users", "-1"], ["--end", "yesterday"]])
def test_wrong_arguments_are_refused_with_the_usual_code(tmp_path: Path, option: list[str]) -> None:
    command = [sys.executable, "-m", "examples.sample_archive", str(tmp_path / "a.zip"), *option]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 2
    assert not (tmp_path / "a.zip").exists()
