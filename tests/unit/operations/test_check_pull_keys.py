"""`check` says of each key of `[pull]` whether it is there; that one is not there is no fault of the stream's."""

from pathlib import Path

import pytest

from connectors.finding import Finding, Mark
from flows.operations.check.pull_keys import pull_keys
from flows.settings.file import parse
from tests.fixtures.settings import files_source, settings_text

HERE = Path("/nowhere/stream.toml")


def test_a_key_that_is_there_and_one_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULL_API_KEY", "the-key-itself")
    monkeypatch.delenv("PULL_SECRET_KEY", raising=False)
    pull = {"api_key": "env:PULL_API_KEY", "secret_key": "env:PULL_SECRET_KEY"}
    found = list(pull_keys(parse(settings_text(files_source("exports/*.zip"), pull=pull), HERE)))
    assert found == [
        Finding(Mark.FINE, "pull.api_key: there is a key in env:PULL_API_KEY"),
        Finding(
            Mark.NOTE,
            "pull.secret_key: environment variable PULL_SECRET_KEY is not set or empty; set it to the key",
            "only `python -m flows pull` needs it",
        ),
    ]


def test_without_the_table_nothing_is_said() -> None:
    assert list(pull_keys(parse(settings_text(files_source("exports/*.zip")), HERE))) == []
