"""Which variables are taken out of the environment, and what is said of it."""

import os
import re

import pytest

from flows.runtime import environment
from tests.docs.markdown import ROOT


@pytest.fixture(autouse=True)
def none_before() -> None:
    environment.ignored()


@pytest.mark.parametrize("name", environment.TAKEN_OUT)
def test_each_is_taken_out_and_named_once_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for each in environment.TAKEN_OUT:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "")
    environment.take_out()
    assert name not in os.environ
    assert environment.ignored() == [name]
    assert environment.ignored() == []


def test_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"SSL_CERT_FILE": "a", "STREAM_LOG": "b", "BYTEWAX_WORKERS_PER_PROCESS": "2", "AWS_PROFILE": "c"}
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    environment.take_out()
    assert {name: os.environ.get(name) for name in kept} == kept


def test_what_the_page_calls_ignored_is_what_is_taken_out() -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines()]
    ignored = {name for row in rows if row[-1].startswith("ignored") for name in re.findall(r"`([A-Z_]+)`", row[0])}
    assert ignored == {each.upper() for each in environment.TAKEN_OUT}
