"""`python -m flows rekey`: from which topic to which, and what it becomes, or why it starts nothing."""

import sys
from pathlib import Path

import pytest

from flows.commands.main import main
from flows.domain.slice import ALL
from flows.runtime.rekey.place import place
from flows.settings import load
from tests.fixtures.execs import Execs

KAFKA = '[source]\nkind = "kafka"\nbootstrap_servers = "k:9092"\ntopic = "events"\ngroup_id = "stream"\n'
SYNC = '[[sync]]\nname = "production"\nios_app_id = "id1"\ns2s_key = "env:STREAM_TEST_KEY"\nevents = "all"\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give an empty directory, and nothing that the command listens to; no sync's key either."""
    for name in ("STREAM_SETTINGS", "STREAM_SLICE", "STREAM_REKEY_FROM", "STREAM_REKEY_TO", "STREAM_TEST_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("stream.toml").write_text(text)


def test_it_becomes_bytewax_with_recovery(execs: Execs, tmp_path: Path) -> None:
    """Keys of syncs are not needed."""
    write(KAFKA + "[state]\ndirectory = 'st'\nepoch_seconds = 7\n" + SYNC)
    main(["rekey", "--to", "by-user"])
    recovery = tmp_path / "st/rekey/events/by-user/recovery"
    flow = "flows.rekey:flow('events', 'by-user', hand_over=False)"
    arguments = [sys.executable, "-m", "bytewax.run", flow, "-r", str(recovery), "-s", "7", "-b", "0"]
    assert execs == [(arguments, str(tmp_path / "stream.toml"), "0/1")]
    assert [each.name for each in recovery.iterdir()] == ["part-0.sqlite3"]


def test_the_topic_that_is_not_named_is_the_sources(execs: Execs) -> None:
    """Before the stream reads the new topic it is `--to`, afterwards `--from`; the position is kept in one place."""
    write(KAFKA.replace('"events"', '"raw"') + SYNC)
    main(["rekey", "--to", "events"])
    write(KAFKA + SYNC)
    main(["rekey", "--from", "raw"])
    before, after = execs
    assert before == after
    assert before[0][3] == "flows.rekey:flow('raw', 'events', hand_over=False)"


def test_each_slice_has_a_place_of_its_own(execs: Execs, tmp_path: Path) -> None:
    write(KAFKA + SYNC)
    main(["rekey", "--to", "by-user", "--slice", "1/2"])
    ((arguments, _, part),) = execs
    assert arguments[5] == str(tmp_path / "state/rekey/events/by-user/slice-1-of-2/recovery")
    assert part == "1/2"


def test_each_target_has_a_position_of_its_own() -> None:
    """In the group and in the store: what is copied to one topic is still to be copied to another."""
    write(KAFKA + SYNC)
    settings = load(Path("stream.toml"))
    one, other = (place(settings, None, to) for to in ("one", "other"))
    assert (one.source.group_id, other.source.group_id) == ("stream-rekey-one", "stream-rekey-other")
    assert one.directory(ALL) != other.directory(ALL)


def test_topics_may_come_from_the_environment(execs: Execs, monkeypatch: pytest.MonkeyPatch) -> None:
    write(KAFKA + SYNC)
    monkeypatch.setenv("STREAM_REKEY_TO", "by-user")
    main(["rekey"])
    assert execs[0][0][3] == "flows.rekey:flow('events', 'by-user', hand_over=False)"


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("", ["--to", "b"], "source: missing"),
        (KAFKA + SYNC, [], "rekey: say which topic to write: --to TOPIC"),
        (KAFKA + SYNC, ["--to", "events"], "rekey: 'events' would be read and written"),
        (KAFKA + SYNC, ["--from", "b", "--to", "b"], "rekey: 'b' would be read and written"),
        (KAFKA + SYNC, ["--to", "../b"], "'../b' is no topic's name"),
        (KAFKA + '[dead_letters]\nkind = "kafka"\ntopic = "b"\n' + SYNC, ["--to", "b"], "is dead_letters.topic"),
        (
            '[source]\nkind = "files"\npaths = ["a.json"]\n' + SYNC,
            ["--to", "b"],
            "source.kind: it has no keys to go by",
        ),
        (KAFKA + "[state]\ndirectory = '/dev/null/state'\n" + SYNC, ["--to", "b"], "state.directory: cannot make"),
    ],
)
def test_what_is_wrong_starts_nothing(
    text: str, flags: list[str], said: str, execs: Execs, capsys: pytest.CaptureFixture[str]
) -> None:
    write(text)
    assert main(["rekey", *flags]) == 2
    assert said in capsys.readouterr().err
    assert execs == []
    assert not Path("state").exists()
