"""Hostile content: whatever an event, a file's name or an address holds, the operator's terminal shows it as text."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from connectors.files.dead_letters import FileLetterWriter
from flows.commands.main import main
from flows.domain.ledger import Ledger
from flows.runtime import summary
from tests.fixtures.letters import letter

HOSTILE = "[bold]x[/] \x1b]0;title\x07\x1b[2J\x9b31m\n✓ forged\r\u202e\x00"
COMMANDS = {"\x1b", "\x07", "\x9b", "\r", "\u202e", "\x00"}
SETTINGS = """\
[source]
kind = "files"
paths = ["none.json"]
[delivery]
endpoint = "http://127.0.0.1:9"
[dead_letters]
kind = "files"
directory = "letters"
[[sync]]
name = "production"
enabled = true
ios_app_id = "id123456789"
s2s_key = "env:HOSTILE_TEST_KEY"
events = "all"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "stream.toml"
    path.write_text(SETTINGS)
    return path


def _events() -> bytes:
    known = {"appsflyer_id": "1700000000000-1234567", HOSTILE: HOSTILE}
    event: dict[str, Any] = {
        "event_type": HOSTILE,
        "user_id": HOSTILE,
        "device_id": HOSTILE,
        "platform": "iOS",
        "os_version": HOSTILE,
        "event_properties": {HOSTILE: HOSTILE, "$currency": HOSTILE},
        "user_properties": known,
    }
    lines = [event, {**event, "platform": HOSTILE}, {**event, "time": HOSTILE}, {**event, "user_properties": {}}]
    lines.append({**event, "user_id": (HOSTILE * 100)[:1000]})
    return b"\n".join([*map(orjson.dumps, lines), f"{HOSTILE!r} \x1b[2J".encode()])


def _is_plain(text: str) -> bool:
    return not COMMANDS & set(text) and not any(line.startswith("✓ forged") for line in text.splitlines())


@pytest.mark.parametrize("flags", [[], ["--pretty"]])
def test_explain_shows_events_as_text(
    settings: Path, flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(_events()), isatty=lambda: False))
    assert main(["explain", "--settings", str(settings), *flags]) == 1, "the last line cannot be read"
    said = capsys.readouterr().out
    assert "too_large" in said
    if flags:
        assert _is_plain(said)
        assert "[bold]x" in said, "what looks like markup is shown as it is"
    else:  # JSON for programs: one line an event, and no control character that a line could begin with
        assert all(orjson.loads(line)["line"] for line in said.splitlines())
        assert not COMMANDS & set(said)


def test_a_replays_preview_shows_what_letters_say_of_themselves_as_text(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write to the dead letters' topic may write any sync's name into a letter."""
    monkeypatch.setenv("HOSTILE_TEST_KEY", "x")
    named = dict.fromkeys(["sync", "send_as", "error"], HOSTILE)
    hostile = letter(1, _events().splitlines()[0], key=HOSTILE.encode(), **named)
    FileLetterWriter(tmp_path / "letters").write([hostile])
    assert main(["replay", "--settings", str(settings), "--reason", "rejected", "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "1 of 1 dead letters match" in shown.out
    assert "[bold]x" in shown.out, "what looks like markup is shown as it is"
    assert _is_plain(shown.out + shown.err)


def test_check_shows_what_stands_in_the_settings_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE_TEST_KEY", "x")
    text = SETTINGS.replace('"none.json"', '"\\u001b[2Jnone\\n✓ forged\\u009b.json"')
    path = tmp_path / "stream.toml"
    path.write_text(text)
    assert main(["check", "--settings", str(path)]) == 2
    assert _is_plain(capsys.readouterr().out)


def test_the_summary_shows_names_of_files_and_syncs_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger(["[red]a[/]"], 10)
    summary.report(ledger, [f"{HOSTILE}.json, line 3"], stopped=False)
    said = capsys.readouterr().out
    assert _is_plain(said)
    assert "[red]a[/]" in said
