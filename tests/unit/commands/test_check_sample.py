"""`python -m flows check` on a sample of the source: what would be sent, and the set-ups with which nothing would."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from connectors.files.sample import sample_archives
from connectors.files.settings import FilesSource
from connectors.kafka.check import of_topic
from connectors.kafka.probe import Backlog
from connectors.kafka.settings import KafkaSource
from connectors.sample import sample_of
from flows.commands.main import main
from flows.domain.event import Record
from flows.operations.check.identified import share

SETTINGS = """\
[source]
kind = "files"
paths = ["*.json"]

[health]
port = 0

[delivery]
endpoint = "http://127.0.0.1:1"

[[sync]]
name = "production"
enabled = true
ios_app_id = "id1"
ios_bundle_id = "com.example"
s2s_key = "env:STREAM_TEST_KEY"
"""
NAMED = "".join(f'[[sync.event]]\nname = "{name}"\n' for name in ("Order Completed", "Sign Up"))
FEBRUARY = 1_772_000_000_000
APPSFLYER_ID = "1700000000000-1234567"


def event(name: str = "Order Completed", **fields: Any) -> dict[str, Any]:
    given = {
        "event_type": name,
        "user_id": "ada",
        "platform": "iOS",
        "time": FEBRUARY,
        "user_properties": {"appsflyer_id": APPSFLYER_ID, "idfv": "9C6E1C4B-1F0B-4A8A-8E4F-0C2D4F2B9A11"},
    }
    return given | fields


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the key, and an empty directory."""
    monkeypatch.setenv("STREAM_TEST_KEY", "S3CR3T")
    monkeypatch.setenv("STREAM_SETTINGS", "")
    monkeypatch.chdir(tmp_path)


def checked(capsys: pytest.CaptureFixture[str], events: str, *lines: Any) -> list[str]:
    """Return the checklist of a file with these lines; the way to AppsFlyer is left out."""
    Path("a.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    Path("stream.toml").write_text(SETTINGS + events)
    assert main(["check"]) == 1  # for AppsFlyer is not reached
    said = capsys.readouterr().out.splitlines()
    return [line for line in said if "delivery.endpoint" not in line]


def wrong(lines: list[str]) -> list[str]:
    return [line for line in lines if line[0] == "✗"]


def test_what_is_fine_is_said_in_five_lines(capsys: pytest.CaptureFixture[str]) -> None:
    said = checked(capsys, NAMED, event(), event("Sign Up"), event("Other", user_id="bob", user_properties={}))
    assert wrong(said) == []
    assert said[-5:] == [
        "✓ a first start reads about 3 events, the oldest of 2026-02-25",
        "✓ sync[production]: all 2 events that it selects are sent",
        "✓ platforms: iOS 100% of 3 events",
        "✓ AppsFlyer id: in 67% of 3 events of apps, known of 50% of 2 users",
        "✓ device identifiers: idfv 67%",
    ]


@pytest.mark.parametrize("sent", ["order_completed", "Order  completed", "OrderCompleted", "Order Complete"])
def test_a_misspelt_name_is_wrong_and_the_right_one_is_named(capsys: pytest.CaptureFixture[str], sent: str) -> None:
    said = checked(capsys, NAMED, event(sent), event("Sign Up"))
    (line,) = wrong(said)
    assert line.startswith('✗ sync[production]: nobody sends "Order Completed" in the 2 lines there are; did you mean ')
    assert f'"{sent}"' in line


def test_a_rare_event_is_a_note_and_none_at_all_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    said = checked(capsys, NAMED, event("Sign Up"))
    assert wrong(said) == []
    assert any(
        line.startswith("! sync[production]: 1 event that it selects is not in the 1 line there is") for line in said
    )
    said = checked(capsys, NAMED, event("something else"))
    (line,) = wrong(said)
    assert line == (
        '✗ sync[production]: none of its events is in the 1 line there is: "Order Completed", "Sign Up"; '
        'select some of those that are sent: "something else"'
    )


def test_no_appsflyer_id_anywhere_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    bad = event(user_properties={"appsflyer_id": "nonsense"})
    (line,) = wrong(checked(capsys, 'events = "all"\n', event(user_properties={}), bad))
    assert line.startswith(
        "✗ AppsFlyer id: in none of 2 events of apps, so none would be sent; malformed in 1 event; set the"
    )


def test_an_id_in_another_place_is_found_where_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    paths = 'events = "all"\n[identity.paths]\nappsflyer_id = ["event_properties.af"]\n'
    said = checked(capsys, paths, event(user_properties={}, event_properties={"af": APPSFLYER_ID}))
    assert wrong(said) == []


def test_web_only_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = wrong(checked(capsys, 'events = "all"\n', event(platform="Web"), event(platform="Web")))
    assert line.startswith("✗ platforms: Web or other 100% of 2 events: none of an app, so none would be sent; ")


def test_an_app_of_a_platform_that_nobody_is_on_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    said = checked(capsys, 'events = "all"\n', event(platform="Android"), event(platform="Web"))
    (line,) = wrong(said)
    assert line.startswith("✗ sync[production] has an app for iOS only, and no event is of it; ")


def test_what_looks_personal_is_named_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    given = event(
        user_id="ada@example.com", event_properties={"contact": "Ada <ada@example.com>", "email": "b@c.example"}
    )
    said = checked(capsys, 'events = "all"\nexclude = ["E-Mail"]\n', given)
    notes = [line for line in said if line[0] == "!"]
    assert notes[0] == (
        "! sync[production]: an e-mail address or telephone number would leave in: contact; "
        "add them to the sync's exclude, if they are a person's"
    )
    assert notes[1].startswith("! user ids of 1 event look like e-mail addresses")
    assert "example.com" not in "".join(said)


def test_archives_are_sampled_from_the_first_to_the_last_and_bounded(tmp_path: Path) -> None:
    line = json.dumps(event()).encode() + b"\n"
    for hour in range(30):
        with zipfile.ZipFile(tmp_path / f"{hour}.zip", "w") as archive:
            archive.writestr(f"{hour}.json.gz", gzip.compress(line * 500))
    (tmp_path / "30.zip").write_bytes(b"")
    found = sample_archives(FilesSource((str(tmp_path / "*.zip"),)), 1000)
    assert (len(found.records), found.is_whole, found.files) == (900, False, 31)
    names = [Path(record.source).name for record in found.records]
    assert (names[0], names[-1]) == ("0.zip", "27.zip")
    assert found.lines >= 900
    (problem,) = found.unreadable
    assert problem.startswith("30.zip: ")


@pytest.mark.parametrize(
    ("start", "backlog", "said"),
    [
        (
            "earliest",
            Backlog(1200, 1_772_000_000_000, None),
            "first start reads about 2,400 events, the oldest of 2026-02-25",
        ),
        (
            "latest",
            Backlog(1200, 1_772_000_000_000, None),
            "leaves about 2,400 events in the topic, the oldest of 2026-02-25",
        ),
        ("earliest", Backlog(1200, None, 10), "group g has begun: a start goes on, with about 20 events ahead of it"),
    ],
)
def test_what_a_first_start_of_a_topic_will_send(start: Any, backlog: Backlog, said: str) -> None:
    """The sample's messages are upload bodies of two events each."""
    sample = sample_of([Record(json.dumps({"events": [event(), event()]}).encode(), None, "t", 0, 0, 0)], "")
    source = KafkaSource(bootstrap_servers="k:1", topic="t", group_id="g", start=start)
    finding = of_topic(source, backlog, sample)
    assert finding is not None
    assert said in finding.text


def test_shares_are_never_all_or_nothing_by_rounding() -> None:
    assert [share(1, 1000), share(999, 1000), share(0, 9), share(9, 9)] == ["under 1%", "over 99%", "0%", "100%"]


MAPPED = 'events = "all"\n[sync.fields]\n'
UNUSABLE = "1 value of 1 event that it selects in the 1 line there is cannot be used and would be left out"
NONE = "none of 1 event that it selects in the 1 line there is has a value at"


@pytest.mark.parametrize(
    ("written", "properties", "expected"),
    [
        ('revenue = "event_properties.total"', {"total": 5}, None),
        ('revenue = ["event_properties.none", "event_properties.total"]', {"total": 5}, None),
        ('revenue = "event_properties.cart.total"', {"cart": {"total": 5}}, None),
        ("ip = []", {}, None),
        ('revenue = "total"', {"total": 5}, f'{NONE} "total"; did you mean "event_properties.total"?'),
        (
            'order_id = "event_properties.order_id"',
            {"cart": {"orderId": "a"}},
            f'{NONE} "event_properties.order_id"; did you mean "event_properties.cart.orderId"?',
        ),
        ('ua = "user_agent"', {}, f'{NONE} "user_agent"; correct the path, or leave it if such events are rare'),
        (
            'revenue = "event_properties.total"',
            {"total": "12,50"},
            f"{UNUSABLE}; `explain` shows what becomes of an event",
        ),
    ],
)  # fmt: skip
def test_what_a_mapped_path_leads_to(
    written: str, properties: dict[str, Any], expected: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path that leads to nothing would cost revenue in silence: a name without its place is the commonest mistake."""
    said = checked(capsys, f"{MAPPED}{written}\n", event(event_properties=properties))
    notes = [line for line in said if ".fields." in line]
    field = written.partition(" ")[0]
    assert notes == ([f"! sync[production].fields.{field}: {expected}"] if expected else [])


def test_a_path_may_lead_to_what_an_earlier_event_has_taught(capsys: pytest.CaptureFixture[str]) -> None:
    """As in the stream: an SDK tells a user property once."""
    taught = event(event_type="$identify", user_properties={"$set": {"order": "o-1"}})
    said = checked(capsys, f'{MAPPED}order_id = "user_properties.order"\n', taught, event())
    assert [line for line in said if ".fields." in line] == []


@pytest.mark.parametrize(("path", "is_noted"), [("user_properties.mail", True), ("user_properties.idfv", False)])
def test_the_user_id_that_is_looked_at_is_the_one_that_is_sent(
    path: str, *, is_noted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    given = event(user_id="a@b.example", user_properties={**event()["user_properties"], "mail": "ada@example.com"})
    said = checked(capsys, f'{MAPPED}customer_user_id = "{path}"\n', given)
    assert any(line.startswith("! user ids of 1 event look like e-mail") for line in said) == is_noted
