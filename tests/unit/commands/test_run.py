"""`python -m flows run`: what it prepares and what it becomes, or why it starts nothing."""

import sys
from pathlib import Path

import pytest

from connectors.state.engine_store import make_store
from flows.commands.main import main
from tests.fixtures.execs import Execs

KAFKA = '[source]\nkind = "kafka"\nbootstrap_servers = "k:9092"\ntopic = "amplitude"\n'
FILES = '[source]\nkind = "files"\npaths = ["a.json"]\n'
SYNC = '[[sync]]\nname = "production"\nios_app_id = "id1"\ns2s_key = "env:STREAM_TEST_KEY"\nevents = "all"\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the key, an empty directory, and nothing else that the command listens to."""
    monkeypatch.setenv("STREAM_TEST_KEY", "abc")
    monkeypatch.setenv("STREAM_SETTINGS", "")
    monkeypatch.setenv("STREAM_SLICE", "")
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("stream.toml").write_text(text)


def test_it_becomes_bytewax_with_recovery(execs: Execs, tmp_path: Path) -> None:
    write(KAFKA + "[state]\ndirectory = 'st'\nepoch_seconds = 7\n" + SYNC)
    main(["run"])
    recovery = tmp_path / "st/recovery"
    arguments = [sys.executable, "-m", "bytewax.run", "flows.stream", "-r", str(recovery), "-s", "7", "-b", "0"]
    assert execs == [(arguments, str(tmp_path / "stream.toml"), None)]
    assert [each.name for each in recovery.iterdir()] == ["part-0.sqlite3"]
    assert [each.name for each in recovery.parent.iterdir()] == ["recovery"]


def test_each_slice_has_a_state_of_its_own(execs: Execs, tmp_path: Path) -> None:
    write(KAFKA + SYNC)
    for part in ("0/2", "1/2"):
        main(["run", "--slice", part])
    directories = [arguments[5] for arguments, _, _ in execs]
    assert directories == [str(tmp_path / f"state/slice-{part}/recovery") for part in ("0-of-2", "1-of-2")]
    assert [part for _, _, part in execs] == ["0/2", "1/2"]


def test_a_slice_of_another_number_does_not_begin_beside_their_state(
    execs: Execs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would send again what they have sent; the message says which command deals their state out."""
    write(KAFKA + SYNC)
    main(["run", "--slice", "0/2"])
    assert main(["run", "--slice", "1/3"]) == 2
    assert "reslice --from 2 --to 3" in capsys.readouterr().err
    assert len(execs) == 1
    assert not (tmp_path / "state/slice-1-of-3").exists()


def test_the_slice_may_come_from_the_environment(execs: Execs, monkeypatch: pytest.MonkeyPatch) -> None:
    write(KAFKA + SYNC)
    monkeypatch.setenv("STREAM_SLICE", "1/2")
    main(["run"])
    assert execs[0][2] == "1/2"
    assert "slice-1-of-2" in execs[0][0][5]


def test_a_store_that_is_there_is_kept(tmp_path: Path) -> None:
    make_store(tmp_path / "recovery")
    before = (tmp_path / "recovery/part-0.sqlite3").stat()
    make_store(tmp_path / "recovery")
    after = (tmp_path / "recovery/part-0.sqlite3").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_an_empty_directory_becomes_a_store(tmp_path: Path) -> None:
    """A first start that was killed between the two steps, or a mounted volume."""
    (tmp_path / "recovery").mkdir()
    make_store(tmp_path / "recovery")
    assert (tmp_path / "recovery/part-0.sqlite3").exists()


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("", [], "source: missing"),
        (KAFKA + SYNC + "enabled = false\n", [], "no sync is enabled"),
        (KAFKA + SYNC.replace("TEST_KEY", "TEST_ABSENT"), [], "environment variable STREAM_TEST_ABSENT is not set"),
        (FILES + SYNC, ["--slice", "0/2"], "slices divide Kafka's partitions"),
        (KAFKA + "[state]\ndirectory = '/dev/null/state'\n" + SYNC, [], "state.directory: cannot make"),
    ],
)
def test_what_is_wrong_starts_nothing(
    text: str, flags: list[str], said: str, execs: Execs, capsys: pytest.CaptureFixture[str]
) -> None:
    write(text)
    assert main(["run", *flags]) == 2
    assert said in capsys.readouterr().err
    assert execs == []
    assert not Path("state").exists()
