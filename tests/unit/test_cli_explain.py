"""`python -m flows explain` to the person who types it: before anything is enabled, without a pipe, and what waits."""

import io
from pathlib import Path

import orjson
import pytest

from flows.cli import main

SETTINGS = """\
[source]
kind = "files"
paths = ["a.zip"]

[[sync]]
name = "production"
enabled = false
ios_app_id = "id1"
s2s_key = "env:KEY"
events = "all"
"""
EVENT = {"event_type": "open", "user_id": "u-1", "platform": "iOS"}


class _Typed(io.BytesIO):
    """What comes from a terminal."""

    def isatty(self) -> bool:
        return True


def _stdin(kind: type[io.BytesIO]) -> io.TextIOWrapper:
    return io.TextIOWrapper(kind(orjson.dumps(EVENT) + b"\n"))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.stdin", _stdin(io.BytesIO))
    path = tmp_path / "stream.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def test_before_a_sync_is_enabled_it_says_what_would_happen_if_all_were(
    settings: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`init` writes a sync that is off, and to ask is the next step."""
    assert main(["explain", "--settings", str(settings)]) == 0
    said = capfdbinary.readouterr()
    assert b"no sync is enabled yet; this is what would happen if all were" in said.err
    assert orjson.loads(said.out)["sync"] == "production"


def test_beside_a_sync_that_is_enabled_one_that_is_off_has_no_line(
    settings: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    on = SETTINGS[SETTINGS.index("[[sync]]") :].replace("production", "on").replace("false", "true")
    settings.write_text(SETTINGS + on, encoding="utf-8")
    assert main(["explain", "--settings", str(settings)]) == 0
    said = capfdbinary.readouterr()
    assert said.err == b""
    assert [orjson.loads(line)["sync"] for line in said.out.splitlines()] == ["on"]


def test_on_a_terminal_it_says_what_it_waits_for(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.stdin", _stdin(_Typed))
    assert main(["explain", "--settings", str(settings)]) == 0
    assert b"Ctrl-D ends it" in capfdbinary.readouterr().err


def test_an_event_that_waits_is_told_for_what(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--settings", str(settings), "--pretty"]) == 0
    said = capsys.readouterr().out
    assert "waits: no event has taught its AppsFlyer id yet; after identity.hold_seconds it is a dead letter" in said


def test_in_words_every_identifier_of_the_device_is_named(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(SETTINGS.replace('ios_app_id = "id1"', 'android_app_id = "com.a.b"'), encoding="utf-8")
    event = {
        "event_type": "open",
        "user_id": "u-1",
        "platform": "Android",
        "user_properties": {
            "appsflyer_id": "1700000000002-1234567890123456789",
            "app_set_id": {"scope": 1, "id": "38400000-8cf0-11bd-b23e-10b96e40000d"},
            "oaid": "38400000-8cf0-11bd-b23e-10b96e40000e",
        },
    }
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(event))))
    assert main(["explain", "--settings", str(settings), "--pretty"]) == 0
    assert "device identifiers: oaid, app_set_id" in capsys.readouterr().out
