"""`pull`: what is wrong before anything is asked ends with 2 and its words; what it prints can be read line by line."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from connectors.appsflyer.sandbox import SandboxServer
from connectors.export_api.sandbox import ExportSandbox
from connectors.export_api.settings import EXPORT_PATH
from flows.commands import pull as command
from flows.commands.main import main
from flows.operations.pull import pull
from tests.fixtures.events import order
from tests.fixtures.exports import export_archive
from tests.fixtures.settings import files_source, settings_text

HOURS = ("2024-02-28T23", "2024-02-29T00", "2024-02-29T02")


@pytest.fixture
def export(tmp_path: Path) -> ExportSandbox:
    return ExportSandbox([export_archive(tmp_path / "all.zip", {hour: [order(1)] for hour in HOURS})])


@pytest.fixture
def settings(tmp_path: Path, export: ExportSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return settings that pull from a stand-in; waits take no time."""
    monkeypatch.setenv("PULL_KEY", "key")
    monkeypatch.setattr(command, "pull", partial(pull, sleep=lambda _: None))
    with SandboxServer.in_thread(others={EXPORT_PATH: export.answer}) as server:
        path = tmp_path / "stream.toml"
        table = {"api_key": "env:PULL_KEY", "secret_key": "env:PULL_KEY", "endpoint": server.url}
        path.write_text(settings_text(files_source("exports/*.zip"), pull=table), encoding="utf-8")
        yield path


def _pull(settings: Path, *arguments: str) -> int:
    return main(["pull", "--settings", str(settings), *arguments])


def test_it_says_what_became_of_each_day_and_of_all(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Days on standard error, as they come; the whole on standard output."""
    assert _pull(settings, "--from", "2024-02-28T22", "--to", "2024-02-29T02") == 0
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "2024-02-28: 1 archive (0.0 MB), 1 hour without data",
        "2024-02-29: 2 archives (0.0 MB), 1 hour without data",
    ]
    assert said.out.splitlines() == [
        "2024-02-28T22 to 2024-02-29T02: 3 archives (0.0 MB), 2 hours without data",
        "no data: 2024-02-28T22, 2024-02-29T01; the next pull asks for them again",
        'the stream reads the archives with [source] kind = "files", paths = ["exports/*.zip"]',
    ]


def test_a_wait_and_an_hour_that_is_left_out_are_said_when_they_come(
    settings: Path, export: ExportSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    export.first_answers.extend([429, 400])
    assert _pull(settings, "--from", HOURS[0], "--to", HOURS[0]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "2024-02-28T23: 429, too many requests (slow down); asked again in 5 s",
        "2024-02-28T23: 400, the hour has more than 4 GB (the exported data is larger than 4 GB)",
        "2024-02-28: 1 hour left out",
    ]
    assert said.out.splitlines() == [
        "2024-02-28T23 to 2024-02-28T23: 1 hour left out",
        "left out: 2024-02-28T23; Amplitude's export to Amazon S3 has it",
    ]


def test_of_many_hours_without_data_a_few_are_named(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _pull(settings, "--from", "2024-03-01T00", "--to", "2024-03-01T09") == 0
    out = capsys.readouterr().out
    assert "2024-03-01T05 and 4 more; the next pull" in out
    assert "the stream reads" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: --from"),
        (("--from", "2024-02-29"), "argument --from: found '2024-02-29'; expected an hour in UTC; write for example"),
        (("--from", "\x1b[2J"), "found '\\\\x1b[2J'; expected an hour"),
        (("--from", "2024-03-01T00", "--to", "2024-02-29T00"), "--from: 2024-03-01T00 is after 2024-02-29T00"),
        (("--from", "2024-03-01T00", "--to", "2099-12-31T23"), "--to: Amplitude has 2099-12-31T23 from 2100-01-01T02"),
    ],
)
def test_wrong_usage_is_2_and_nothing_is_asked(
    settings: Path,
    export: ExportSandbox,
    arguments: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        code = _pull(settings, *arguments)
    except SystemExit as refused:  # argparse's way
        code = int(str(refused.code))
    assert code == 2
    assert said in capsys.readouterr().err
    assert export.requests == []


def test_settings_without_the_table_or_the_key_are_2_and_nothing_is_asked(
    settings: Path, export: ExportSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PULL_KEY")
    assert _pull(settings, "--from", HOURS[0], "--to", HOURS[1]) == 2
    assert "pull.api_key: environment variable PULL_KEY is not set" in capsys.readouterr().err
    settings.write_text(settings_text(files_source("exports/*.zip")), encoding="utf-8")
    assert _pull(settings, "--from", HOURS[0], "--to", HOURS[1]) == 2
    assert f"{settings}: no [pull]; expected api_key and secret_key; write" in capsys.readouterr().err
    assert export.requests == []
