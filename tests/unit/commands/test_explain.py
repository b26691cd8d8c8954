"""`python -m flows explain` to the person who types it: before anything is enabled, without a pipe, and what waits."""

import gzip
import io
import zipfile
from pathlib import Path

import orjson
import pytest

from flows.commands.main import main

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


def explained(
    settings: Path, capfdbinary: pytest.CaptureFixture[bytes], *arguments: str, code: int = 0
) -> list[dict[str, object]]:
    """Return the lines that it prints."""
    assert main(["explain", "--settings", str(settings), *arguments]) == code
    return [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


PRETTY = orjson.dumps(EVENT | {"event_properties": {"a": ["}", {"b": 1}]}}, option=orjson.OPT_INDENT_2)


def test_json_over_several_lines_is_one_event(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = orjson.dumps(EVENT) + b"\n" + PRETTY + b"\n\n" + PRETTY + b"\n" + orjson.dumps(EVENT)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    lines = PRETTY.count(b"\n") + 1
    assert [(each["line"], each["outcome"]) for each in explained(settings, capfdbinary)] == [
        (1, "held"), (2, "held"), (3 + lines, "held"), (3 + 2 * lines, "held"),
    ]  # fmt: skip


def test_a_broken_line_costs_itself_only_and_the_exit_code_says_so(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = b'{"event_type": "open", "user\n' + orjson.dumps(EVENT) + b"\njunk\n" + orjson.dumps(EVENT) + b"\n{"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert [(each["line"], each["outcome"]) for each in explained(settings, capfdbinary, code=1)] == [
        (1, "dead_lettered"), (2, "held"), (3, "dead_lettered"), (4, "held"), (5, "dead_lettered"),
    ]  # fmt: skip


def test_files_and_archives_and_dead_letters_are_read(
    settings: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    line = orjson.dumps(EVENT) + b"\n"
    (tmp_path / "pretty.json").write_bytes(PRETTY)
    (tmp_path / "rows.json.gz").write_bytes(gzip.compress(line * 2))
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("1.json.gz", gzip.compress(line))
        archive.writestr("2.json", PRETTY)
    letter = {"value": line.decode().strip(), "key": None, "headers": {"reason": "no_appsflyer_id"}}
    (tmp_path / "letters.ndjson").write_bytes(orjson.dumps(letter) + b"\n")
    names = ("pretty.json", "rows.json.gz", "export.zip", "letters.ndjson")
    said = explained(settings, capfdbinary, *(str(tmp_path / name) for name in names))
    assert [(str(each["file"]).removeprefix(f"{tmp_path}/"), each["line"], each["outcome"]) for each in said] == [
        ("pretty.json", 1, "held"), ("rows.json.gz", 1, "held"), ("rows.json.gz", 2, "held"),
        ("export.zip!1.json.gz", 1, "held"), ("export.zip!2.json", 1, "held"), ("letters.ndjson", 1, "held"),
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_is_1_and_the_others_are_read(
    settings: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "good.json").write_bytes(orjson.dumps(EVENT))
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(orjson.dumps(EVENT) * 9)[:-9])
    names = ("absent.json", "cut.json.gz", "good.json")
    code = main(["explain", "--settings", str(settings), *(str(tmp_path / name) for name in names)])
    said = capfdbinary.readouterr()
    assert code == 1
    assert b"absent.json: it cannot be read: No such file" in said.err
    assert b"cut.json.gz" in said.err
    assert b"good.json" in said.out


def test_what_looks_personal_is_a_warning_without_the_value(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    properties = {"appsflyer_id": "1700000000000-1234567", "contact": "ada@example.com"}
    event = EVENT | {"user_properties": properties}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(event))))
    (line,) = explained(settings, capfdbinary)
    warnings = line["warnings"]
    assert isinstance(warnings, list)
    (warning,) = (each for each in warnings if each.startswith("personal_value"))
    assert warning.endswith("(contact)")
    assert "example.com" not in warning
