"""`status` and `top` beside a settings file with mistakes, or one that the running stream has not taken up."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.commands.main import main
from flows.domain.event import Position
from flows.observe.page_server import PageServer, listen
from flows.observe.pages import FlowPages
from flows.runtime.settings_file import SettingsFile
from flows.settings.lenient import health_of
from flows.settings.model import Settings
from tests.fixtures.process import MakeProcess
from tests.fixtures.settings import sync_table


@pytest.fixture
def file(tmp_path: Path, make_process: MakeProcess) -> Iterator[Path]:
    """Return the settings file of a process that serves its health."""
    listening = listen("127.0.0.1", 0)
    path = tmp_path / "stream.toml"
    process = make_process(sync_table("one"), health={"port": listening.getsockname()[1]})
    process.ledger.open_all([Position("t", 0, offset) for offset in range(12)])
    process.parts.heartbeat.worker()

    def left_behind(new: Settings) -> dict[str, int]:
        return {} if "one" in {each.name for each in new.enabled_syncs} else {"one": process.ledger.pending(0)}

    process.parts.in_force.look_at_file = SettingsFile(path, lambda: process.settings, left_behind, lambda _: []).look
    server = PageServer(FlowPages(process.parts), listening)
    yield path
    server.stop()


def change(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("events =", "evnts =", 'sync[one].evnts: unknown key; did you mean "events"?'),
        ("kind =", "kind", "stream.toml: not TOML"),
        ('"id123456789"', "7", "sync[one].ios_app_id: found 7"),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["top", "--once", "--interval-seconds", "0.1"]])
def test_a_mistake_is_said_and_the_figures_are_shown(
    file: Path, command: list[str], before: str, after: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(file, before, after)
    assert main([*command, "--settings", str(file)]) == 0
    shown = capsys.readouterr().out
    assert said in shown
    assert "goes on with the settings that it has" in shown
    assert "would not start with these" in shown
    assert "12" in shown
    assert "delivering" in shown


def test_as_json_the_mistakes_are_beside_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And /status itself, which others may see, names the keys and no value."""
    change(file, '"id123456789"', '"s3cret app"')
    assert main(["status", "--json", "--settings", str(file)]) == 0
    captured = capsys.readouterr()
    assert "sync[one].ios_app_id: found" in captured.err
    assert '"keys":["sync[one].ios_app_id"]' in captured.out
    assert "s3cret" not in captured.out


def test_a_change_that_is_not_taken_up_is_said_with_what_it_concerns(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["status", "--settings", str(file)])
    assert "not taken up" not in capsys.readouterr().out
    change(file, 'name = "one"', 'name = "uno"')
    assert main(["status", "--settings", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "was changed, and is not taken up yet: which syncs are enabled" in shown
    assert "`python -m flows reload` takes it up" in shown
    assert "12 events wait for sync[one]" in shown
    assert "sync_disabled" in shown


def test_a_comment_is_no_change(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(file, "[source]", "# a comment\n[source]")
    main(["status", "--settings", str(file)])
    assert "settings" not in capsys.readouterr().out


def test_nobody_answers_and_the_file_has_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stream.toml").write_text("[health]\nport = 9\n[sorce]\n", encoding="utf-8")
    assert main(["status", "--settings", str(tmp_path / "stream.toml")]) == 1
    said = capsys.readouterr().err
    assert 'sorce: unknown key; did you mean "source"?' in said
    assert "http://127.0.0.1:9: cannot be reached" in said


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ('[health]\nport = 9999 # one\nhost = "0.0.0.0"\n[[sync]]\nname=\n', "0.0.0.0", 9999),  # noqa: S104
        ('[source\n[health] # here\nhost = "::1"\nport = 12\nadd = nope\n[other]\nport = 3\n', "::1", 12),
        ("health.port = 5\n[a]\nb = 1\n", "127.0.0.1", 5),
        ('[health]\nport = 70000\nhost = "h"\n', "h", 9464),
        ("", "127.0.0.1", 9464),
    ],
)
def test_where_it_answers_is_read_whatever_else_is_wrong(tmp_path: Path, text: str, host: str, port: int) -> None:
    path = tmp_path / "stream.toml"
    path.write_text(text, encoding="utf-8")
    assert (health_of(path).host, health_of(path).port) == (host, port)
