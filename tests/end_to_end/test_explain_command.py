"""`python -m flows explain` as it is typed: lines in, lines out, with nothing but the settings at hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.explained import ALL, APPS, SOURCE, ios

OFF = '[[sync]]\nname = "off"\nenabled = false\n' + APPS + ALL
SETTINGS = SOURCE + '[[sync]]\nname = "s"\n' + APPS + ALL + OFF
EVENT = json.dumps(ios()).encode()
LINE_KEYS = ["line", "sync", "outcome", "reason", "warnings", "request"]


def _explain(directory: Path, settings: str, given: bytes, *flags: str) -> subprocess.CompletedProcess[bytes]:
    """Run it with an environment that has no secret."""
    (directory / "stream.toml").write_text(settings)
    command = [sys.executable, "-m", "flows", "explain", "--settings", str(directory / "stream.toml"), *flags]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_file_is_explained_line_by_line(tmp_path: Path, line_end: bytes) -> None:
    """With a byte order mark, blank lines (which count), a line that is none, and a last one without an end."""
    given = b"\xef\xbb\xbf" + line_end.join([EVENT, b"", b"  ", b"\xff\x00", EVENT])
    result = _explain(tmp_path, SETTINGS, given)
    assert (result.returncode, result.stderr) == (1, b"")  # for one line could not be read
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["line"], line["sync"], line["outcome"]) for line in lines] == [
        (1, "s", "would_deliver"), (4, None, "dead_lettered"), (5, "s", "would_deliver"),
    ]  # fmt: skip
    assert all(list(line)[: len(LINE_KEYS)] == LINE_KEYS for line in lines)
    assert list(lines[0]["request"]) == ["method", "url", "headers", "body"]
    assert lines[0]["request"]["headers"] == {"authentication": "***", "content-type": "application/json"}


def test_settings_with_mistakes_explain_nothing(tmp_path: Path) -> None:
    """All mistakes at once, and exit code 2."""
    result = _explain(tmp_path, SETTINGS.replace("s2s_key", "s2s_kee") + "[windo]\n", EVENT)
    assert (result.returncode, result.stdout) == (2, b"")
    said = result.stderr.decode()
    assert 'did you mean "s2s_key"?' in said
    assert 'did you mean "window"?' in said


def test_before_any_sync_is_enabled_it_tells_what_would_be(tmp_path: Path) -> None:
    """The set-up asks before it enables; a note says that nothing is sent yet. One enabled sync speaks for itself."""
    result = _explain(tmp_path, SOURCE + OFF, EVENT)
    (line,) = map(json.loads, result.stdout.splitlines())
    assert (result.returncode, line["sync"], line["outcome"]) == (0, "off", "would_deliver")
    assert b"no sync is enabled yet" in result.stderr
