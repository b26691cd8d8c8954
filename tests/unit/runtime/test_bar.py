"""The progress bar over long reading: at a terminal alone, on standard error, and not in the way of logs."""

import contextlib
import io
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import orjson
import pytest
import structlog

from connectors.files.counted import Amount
from connectors.files.settings import FilesSource
from connectors.files.source import FilesInput
from flows.operations.explain_input import read_all
from flows.runtime.logs import configure_logs
from tests.fixtures.opening import opening

SETTINGS = """\
[source]
kind = "files"
paths = ["*.zip"]
[[sync]]
name = "one"
enabled = true
ios_app_id = "id123456789"
s2s_key = "env:KEY"
events = "all"
"""
EVENT = b'{"event_type":"e","user_id":"u","platform":"iOS","time":1700000000000}\n'


def archives(directory: Path) -> int:
    """Write three archives of different kinds; return how many bytes they have."""
    with zipfile.ZipFile(directory / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for member in range(3):
            archive.writestr(f"{member}.json", EVENT * 5_000)
    (directory / "b.zip").write_bytes(b"no archive")
    (directory / "c.json").write_bytes(EVENT * 100)
    return sum(each.stat().st_size for each in directory.iterdir())


def test_the_source_knows_how_much_it_has_read(tmp_path: Path) -> None:
    """At the end it is all of it, also where a file could not be read; and it never goes back."""
    total = archives(tmp_path)
    source = FilesInput(FilesSource((str(tmp_path / "*"),)), opening())
    assert source.bytes_read.total_bytes is None
    part = source.build_part("input", "files", None)
    seen, state = [], None
    while True:
        try:
            part.next_batch()
        except StopIteration:
            break
        seen.append(source.bytes_read.read_bytes)
        if len(seen) == 20:
            state = part.snapshot()
    assert seen == sorted(seen)
    assert seen[20] < total
    assert source.bytes_read.read_bytes == source.bytes_read.total_bytes == total
    resumed = FilesInput(FilesSource((str(tmp_path / "*"),)), opening())
    part = resumed.build_part("input", "files", state)
    part.next_batch()
    assert resumed.bytes_read.total_bytes == total
    with contextlib.suppress(StopIteration):
        while True:
            part.next_batch()
    assert resumed.bytes_read.read_bytes == total


def test_what_is_explained_counts(tmp_path: Path) -> None:
    total, amount = archives(tmp_path), Amount()
    paths = [str(each) for each in sorted(tmp_path.iterdir())]
    assert sum(1 for _ in read_all(paths, io.BytesIO(), lambda _: None, amount)) == 15_100
    assert amount.read_bytes == amount.total_bytes == total


def explain(directory: Path, errors: int) -> bytes:
    (directory / "stream.toml").write_text(SETTINGS, encoding="utf-8")
    command = [sys.executable, "-m", "flows", "explain", "--settings", str(directory / "stream.toml"), "c.json"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm"}
    done = subprocess.run(command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=errors, check=True)
    return done.stdout


def test_a_terminal_sees_a_bar_and_the_output_is_whole(tmp_path: Path) -> None:
    archives(tmp_path)
    terminal, side = pty.openpty()
    output = explain(tmp_path, side)
    os.close(side)
    shown = os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert "explaining" in shown
    assert "kB" in shown
    assert len([orjson.loads(line) for line in output.splitlines()]) == 100


def test_who_is_no_terminal_sees_none(tmp_path: Path) -> None:
    archives(tmp_path)
    with (tmp_path / "errors").open("wb") as errors:
        explain(tmp_path, errors.fileno())
    assert (tmp_path / "errors").read_bytes() == b""


def test_what_is_logged_goes_where_standard_error_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a bar is shown, that is the bar's own, which prints above itself."""
    configure_logs()
    bar = io.StringIO()
    monkeypatch.setattr(sys, "stderr", bar)
    structlog.get_logger().warning("above the bar")
    assert "above the bar" in bar.getvalue()
