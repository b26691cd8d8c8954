"""The frame of the commands: help, exit codes, and that a command does not cost what it does not need."""

import argparse
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from flows.commands.main import main
from flows.commands.parser import COMMANDS
from flows.commands.schema import json_schema
from flows.settings.tables import StreamFile


def test_nothing_prints_help_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("init", "check", "explain", "run", "sandbox", "schema"))


@pytest.mark.parametrize(
    "arguments",
    [["chek"], ["run", "--slice", "2/2"], ["run", "--slice", "x"], ["check", "--no-such"], ["check", "--set", "x"]],
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_misspelt_command_is_answered_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explian", "--pretty"])
    assert "there is no command 'explian'; did you mean 'explain'?" in capsys.readouterr().err


def test_the_versions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that a report of a defect needs."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("amplitude-appsflyer-stream", "Bytewax 0.21", "Python 3."))


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"python -m flows {command}" in capsys.readouterr().out


def test_the_frame_alone_imports_no_engine_and_no_pydantic() -> None:
    """So that help is there at once, and one command's broken dependency does not stop another."""
    code = (
        "import sys; from flows.commands.main import main; main([]); "
        "heavy = ('pydantic', 'bytewax', 'aiohttp', 'pycurl', 'confluent_kafka'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def install(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    """Put a command in the place of `check`."""
    module = types.ModuleType("flows.commands.check")
    vars(module).update(add_arguments=lambda _parser: None, run=run)
    monkeypatch.setitem(sys.modules, "flows.commands.check", module)


def test_settings_default_to_the_environment_then_to_stream_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args.settings)
        return 0

    install(monkeypatch, run)
    monkeypatch.delenv("STREAM_SETTINGS", raising=False)
    assert main(["check"]) == 0
    monkeypatch.setenv("STREAM_SETTINGS", "/etc/a.toml")
    assert main(["check"]) == 0
    assert main(["check", "--settings", "b.toml"]) == 0
    assert seen == [Path("stream.toml"), Path("/etc/a.toml"), Path("b.toml")]


def test_a_commands_exit_code_is_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda _args: 2)
    assert main(["check"]) == 2


def test_an_interruption_is_1_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    install(monkeypatch, run)
    assert main(["check"]) == 1
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m flows schema | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_the_schema_is_json_and_describes_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json_schema()
    assert set(schema["properties"]) == set(StreamFile.model_fields)
    operators = schema["$defs"]["ConditionTable"]["properties"]
    assert len(operators) == 17
    max_events = schema["$defs"]["WindowTable"]["properties"]["max_events"]
    assert max_events.pop("description").startswith("How many events a batch has at most.")
    assert max_events == {
        "default": 100,
        "maximum": 10000,
        "minimum": 1,
        "title": "Max Events",
        "type": "integer",
    }


def test_the_schema_knows_no_null() -> None:
    """TOML has none."""
    assert '"null"' not in json.dumps(json_schema())
    assert ": null" not in json.dumps(json_schema())
