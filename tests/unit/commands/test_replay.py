"""`python -m flows replay`: what it prepares and what it becomes, what it previews, or why it starts nothing."""

import ast
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.files.dead_letters import FileLetterWriter
from connectors.state.journal import DELIVERED
from connectors.state.lock import lock_directory
from connectors.state.replay_log import ReplayLog
from flows.commands.main import main
from flows.commands.replay import parse_rate, parse_time
from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason
from flows.operators.replay_filters import Filters
from flows.runtime.replay import plan
from tests.fixtures.execs import Exec, Execs
from tests.fixtures.letters import letter

SETTINGS = """
[source]
kind = "files"
paths = ["a.json"]
[dead_letters]
kind = "files"
directory = "letters"
[[sync]]
name = "production"
enabled = true
ios_app_id = "id1"
s2s_key = "env:STREAM_TEST_KEY"
events = "all"
[[sync]]
name = "staging"
enabled = false
ios_app_id = "id2"
s2s_key = "env:STREAM_TEST_KEY"
events = "all"
"""
EVENT = {"event_type": "Order", "user_id": "u", "platform": "iOS"}
IDENTIFIED = {**EVENT, "user_properties": {"appsflyer_id": "1700000000000-7654321"}}
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the key, the settings, and a directory of its own."""
    monkeypatch.setenv("STREAM_TEST_KEY", "abc")
    monkeypatch.setenv("STREAM_SETTINGS", "")
    monkeypatch.setenv("COLUMNS", "200")
    # Logs are set up once for a process, which here is the tests': their captured standard error ends with each test.
    monkeypatch.setattr("flows.commands.replay.configure_logs", lambda: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stream.toml").write_text(SETTINGS)


def directory_of(replay: Exec) -> Path:
    """Return the replay's directory, the argument of its flow."""
    flow = ast.parse(replay.arguments[3].removeprefix("flows.replay:"), mode="eval").body
    assert isinstance(flow, ast.Call)
    return Path(ast.literal_eval(flow.args[0]))


def write(*letters: tuple[Any, str, str | None], day: int = 0) -> None:
    """Write letters: (event, reason, sync)."""
    FileLetterWriter(Path("letters")).write(
        [
            letter(
                value=orjson.dumps(event),
                reason=DeadLetterReason(reason),
                sync=sync,
                send_as="order" if sync else None,
                position=Position(f"day-{day}", 0, number),
                failed_at_ms=day * DAY_MS,
            )
            for number, (event, reason, sync) in enumerate(letters)
        ]
    )


def test_it_plans_the_replay_and_becomes_bytewax_with_recovery(execs: Execs, tmp_path: Path) -> None:
    write((EVENT, "rejected", "production"), (EVENT, "rejected", "production"))
    main(
        ["replay", "--reason", "too_large,rejected", "--reason", "too_large", "--since", "1970-01-02", "--rate", "5/s"]
    )
    (replay,) = execs
    directory = directory_of(replay)
    recovery = ["-r", str(directory / "recovery"), "-s", "10", "-b", "0"]
    assert replay.arguments == [
        sys.executable,
        "-m",
        "bytewax.run",
        f"flows.replay:flow({str(directory)!r})",
        *recovery,
    ]
    assert directory.parent == tmp_path / "state/replay"
    assert (directory / "recovery/part-0.sqlite3").exists()
    the_plan = plan.load(directory)
    assert the_plan is not None
    assert the_plan.filters.reasons == ("rejected", "too_large")
    assert (the_plan.filters.since_ms, the_plan.letters_per_second, the_plan.total) == (DAY_MS, 5.0, 2)
    ((name, size_bytes),) = the_plan.ends.items()
    assert (tmp_path / "letters" / name).stat().st_size == size_bytes


def test_the_same_command_goes_on_with_an_interrupted_replay_and_its_bounds(execs: Execs) -> None:
    write((EVENT, "rejected", "production"))
    main(["replay", "--reason", "rejected,too_large"])
    write((EVENT, "rejected", "production"), day=1)
    main(["replay", "--reason", "too_large,rejected", "--rate", "7"])
    main(["replay", "--reason", "rejected"])
    main(["replay", "--reason", "too_large,rejected", "--again"])
    directories = [directory_of(each) for each in execs]
    assert directories[0] == directories[1]
    assert len(set(directories)) == 3
    plans = [plan.load(directory) for directory in directories]
    assert [each.total for each in plans if each] == [1, 1, 2, 2]
    assert plans[0]
    assert plans[0].letters_per_second == 7.0


def test_a_finished_replay_leaves_nothing_that_the_next_one_could_go_on_with(execs: Execs) -> None:
    main(["replay", "--all"])
    directory = directory_of(execs[0])
    plan.remove(directory)
    (directory / "recovery/part-0.sqlite3").write_bytes(b"old")
    main(["replay", "--all"])
    assert directory_of(execs[1]) == directory
    assert (directory / "recovery/part-0.sqlite3").read_bytes() != b"old"


def test_a_dry_run_says_how_many_and_what_would_happen_and_changes_nothing(
    execs: Execs, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write((IDENTIFIED, "rejected", "production"), (EVENT, "rejected", "production"), (EVENT, "rejected", "staging"))
    write(({**IDENTIFIED, "platform": "Web"}, "rejected", "production"), (["x"], "undecodable", None), day=1)
    write((EVENT, "too_large", "production"), (IDENTIFIED, "invalid_event", None), day=2)
    before = sorted(tmp_path.rglob("*"))
    assert main(["replay", "--reason", "rejected,undecodable,invalid_event", "--dry-run"]) == 0
    text = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    # The first letter's event teaches the second's, which is the same user's, its AppsFlyer id.
    assert "rejected production 1970-01-01 2 2 would be sent" in text
    assert "rejected staging 1970-01-01 1 1 of syncs that are not enabled" in text
    assert "rejected production 1970-01-02 1 1 would be filtered: platform" in text
    assert "undecodable (any) 1970-01-02 1 1 would be dead letters again: undecodable" in text
    assert "invalid_event (any) 1970-01-03 1 1 would be sent" in text
    assert text[-1] == "6 of 7 dead letters match. Nothing was sent."
    assert sorted(tmp_path.rglob("*")) == before
    assert execs == []


def test_a_dry_run_knows_what_was_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    write((IDENTIFIED, "rejected", "production"), (IDENTIFIED, "rejected", "production"))
    marks = ReplayLog(Path("state/replay/marks"), "before")
    marks.record((Position("day-0", 0, 1), "production", 0), 1, DELIVERED)
    marks.close()
    main(["replay", "--all", "--dry-run"])
    said = " ".join(capsys.readouterr().out.split())
    assert "1 would be sent" in said
    assert "1 replayed before" in said
    main(["replay", "--all", "--again", "--dry-run"])
    assert "2 would be sent" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "say which letters"),
        (["--rate", "5/s", "--again"], "say which letters"),
        (["--all", "--sync", "production"], "leave out --all"),
        (["--sync", "staging"], "sync[staging] is not enabled"),
        (["--sync", "production,nope", "--dry-run"], "sync[nope] is not there; the enabled ones: production"),
        (["--sync", "gone=staging"], "sync[staging] is not enabled"),
        (["--sync", "gone=nope"], "sync[nope] is not there; the enabled ones: production"),
        (["--sync", "production=production"], "sync[production] is enabled and gets its own; write production"),
        (["--sync", "gone=production,gone= "], "the letters of one sync go to one sync"),
        (["--all", "--settings", "absent.toml"], "absent.toml"),
    ],
)
def test_what_is_wrong_starts_nothing(
    flags: list[str], said: str, execs: Execs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *flags]) == 2
    assert said in capsys.readouterr().err
    assert execs == []
    assert not Path("state").exists()


def test_the_letters_of_a_renamed_sync_are_planned_and_the_same_command_goes_on(execs: Execs) -> None:
    write((IDENTIFIED, "sync_disabled", "gone"))
    for _ in range(2):
        main(["replay", "--sync", "gone=production,production"])
    first, second = map(directory_of, execs)
    assert first == second
    the_plan = plan.load(first)
    assert the_plan is not None
    assert the_plan.filters == Filters(syncs=("production",), renamed=(("gone", "production"),))


def test_a_dry_run_of_a_renamed_sync_says_what_would_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    write((IDENTIFIED, "sync_disabled", "gone"), (IDENTIFIED, "rejected", "production"))
    assert main(["replay", "--sync", "gone=production", "--dry-run"]) == 0
    text = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "sync_disabled gone 1970-01-01 1 1 would be sent" in text
    assert text[-1] == "1 of 2 dead letters match. Nothing was sent."


@pytest.mark.parametrize("flags", [["--all"], ["--sync", "production"], ["--sync", "gone=production"]])
def test_where_all_that_is_asked_for_is_paused_nothing_starts(
    flags: list[str], execs: Execs, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run says it for each letter."""
    Path("stream.toml").write_text(SETTINGS.replace("enabled = true", "enabled = true\npaused = true"))
    write((IDENTIFIED, "rejected", "production"))
    assert main(["replay", *flags]) == 2
    assert "production: paused, so that nothing would be sent" in capsys.readouterr().err
    assert execs == []
    assert main(["replay", "--all", "--dry-run"]) == 0
    assert "1 of syncs that are paused" in " ".join(capsys.readouterr().out.split())


def test_a_bytewax_cluster_is_refused_before_anything_is_planned(
    monkeypatch: pytest.MonkeyPatch, execs: Execs, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BYTEWAX_ADDRESSES", "localhost:1")
    assert main(["replay", "--all"]) == 2
    assert "BYTEWAX_ADDRESSES: a replay does not run as a Bytewax cluster" in capsys.readouterr().err
    assert (execs, Path("state").exists()) == ([], False)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--reason", "because"], "expected one or more of undecodable"),
        (["--since", "yesterday"], "write for example 2026-01-31"),
        (["--rate", "0"], "write for example 50/s"),
        (["--rate", "5/m"], "write for example 50/s"),
    ],
)
def test_wrong_values_are_2_and_say_what_to_write(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", *flags])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_missing_key_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, execs: Execs, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STREAM_TEST_KEY")
    assert main(["replay", "--all"]) == 2
    assert "STREAM_TEST_KEY is not set" in capsys.readouterr().err
    assert main(["replay", "--all", "--dry-run"]) == 0
    assert execs == []


def test_two_replays_at_a_time_are_refused(execs: Execs, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lock = lock_directory(tmp_path / "state/replay")
    assert main(["replay", "--all"]) == 2
    os.close(lock)
    assert "another replay is under way" in capsys.readouterr().err
    assert execs == []


def test_a_state_directory_that_cannot_be_used_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("state").write_text("a file")
    assert main(["replay", "--all"]) == 2
    assert "state.directory" in capsys.readouterr().err


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert parse_time("1970-01-02") == DAY_MS
    assert parse_time("1970-01-02T01:00:00.5") == DAY_MS + 3_600_500
    assert parse_time("1970-01-02T01:00:00+01:00") == parse_time("1970-01-02T00:00:00Z") == DAY_MS


def test_a_rate_is_letters_per_second() -> None:
    assert (parse_rate("50"), parse_rate("50/s"), parse_rate("0.5/s")) == (50.0, 50.0, 0.5)
