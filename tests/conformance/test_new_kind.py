"""A new kind of source is one folder and one row: settings, `check` and the stream know it then."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from tests.fixtures.settings import settings_text

TOY: dict[str, Any] = {"kind": "toy", "event_count": 3}


def _run(directory: Path, source: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "stream.toml").write_text(settings_text(source, delivery={"endpoint": "http://127.0.0.1:1"}))
    environment = {
        **os.environ,
        "APPSFLYER_S2S_KEY": "k",
        "STREAM_SETTINGS": str(directory / "stream.toml"),
        "STREAM_SUMMARY": str(directory / "summary.json"),
    }
    command = [sys.executable, "-m", "tests.conformance.toy_kind", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_its_settings_are_checked_as_those_of_others(tmp_path: Path) -> None:
    misspelt, unlucky = {"kind": "toy", "event_cuont": 3}, {"kind": "tou", "event_count": 13}
    checked = _run(tmp_path, misspelt, "check")
    assert 'source.event_cuont: unknown key; did you mean "event_count"?' in checked.stdout
    checked = _run(tmp_path, unlucky, "check")
    assert (
        'source.kind: found "tou"; expected "kafka" or "files" or "inbox" or "toy"; did you mean "toy"?'
        in checked.stdout
    )
    assert "source.event_count: found 13; expected luck; write another" in checked.stdout
    assert checked.returncode == 2


def test_check_says_what_it_finds_in_it(tmp_path: Path) -> None:
    checked = _run(tmp_path, TOY, "check")
    assert "✓ source: 3 values in memory" in checked.stdout, checked.stderr
    assert "✓ AppsFlyer id: in 100% of 3 events of apps" in checked.stdout


def test_the_stream_reads_it_to_its_end(tmp_path: Path) -> None:
    done = _run(tmp_path, TOY, "stream")
    assert done.returncode == 0, done.stderr
    summary = orjson.loads((tmp_path / "summary.json").read_bytes())
    assert (summary["read"], summary["syncs"]["production"]["delivered"]) == (3, 3)


def test_what_it_refuses_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    refused = _run(tmp_path, {**TOY, "event_count": 12}, "stream")
    assert "source.event_count: nobody makes up twelve; write another" in refused.stderr
    assert refused.returncode == 2
