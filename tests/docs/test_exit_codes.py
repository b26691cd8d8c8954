"""The exit codes that a page has are those of the code, and a refusal ends every command in the same way."""

import argparse
import re
import sys

import pytest

from flows.commands import main as frame
from flows.refusal import MEANINGS, ExitCode, Refusal
from flows.settings import Problem, SettingsError
from tests.docs.markdown import ROOT


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    table = page[page.index("| exit code | meaning |") :]
    rows = re.findall(r"^\| ([0-9][^|]*) \| ([^|]*) \|$", table, re.MULTILINE)
    assert dict(rows) == MEANINGS


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        (Refusal("no store; `python -m flows run` makes it"), 2, "no store; `python -m flows run` makes it\n"),
        (Refusal("it ended", ExitCode.FAILED), 1, "it ended\n"),
        (Refusal("one\ntwo \x1b[2J"), 2, "one\ntwo \\x1b[2J\n"),
        (SettingsError([Problem(ROOT / "a.toml", "sync", "wrong")]), 2, f"{ROOT}/a.toml: sync: wrong\n"),
    ],
)
def test_a_refusal_is_said_once_and_decides_the_code(
    refusal: Refusal, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise refusal

    monkeypatch.setattr(frame, "build", lambda _: (argparse.ArgumentParser(), run))
    assert frame.main([]) == code
    assert capsys.readouterr() == ("", said)


def test_a_refusal_names_the_command_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise Refusal("write it with `python -m flows init`")

    monkeypatch.setattr(frame, "build", lambda _: (argparse.ArgumentParser(), run))
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/ampfly"])
    assert frame.main([]) == 2
    assert capsys.readouterr().err == "write it with `ampfly init`\n"
