"""The version stands in pyproject.toml; everything that says it says the same."""

import re
import tomllib
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest
import yaml

from flows.commands.main import main
from flows.observe.metrics.flow import read_flow
from flows.observe.metrics.metric import PACKAGE
from flows.observe.metrics.registry import Metrics
from flows.observe.recent import Recent
from flows.observe.status import status
from tests.fixtures.process import MakeProcess
from tests.fixtures.scrape import Scrape

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION: Final = str(PROJECT["version"])


def _headings() -> list[str]:
    return re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def _released() -> list[str]:
    """Return the versions that the changelog has, newest first."""
    return [each.split()[0] for each in _headings() if each != "Unreleased"]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def test_what_is_installed_is_of_this_version() -> None:
    assert PROJECT["name"] == PACKAGE
    assert version(PACKAGE) == VERSION, "pyproject.toml has another version than the environment: make setup"


def test_the_command_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith(f"{PACKAGE} {VERSION}, Bytewax ")


def test_status_and_metrics_of_a_process_say_it(make_process: MakeProcess) -> None:
    parts = make_process().parts
    assert status(parts, Recent(parts))["versions"]["package"] == VERSION
    page, _ = Metrics(partial(read_flow, parts=parts)).page("text/plain")
    assert Scrape(page.decode()).one("appsflyer_stream_build_info", version=VERSION) == 1


def test_the_manifests_take_its_image() -> None:
    component = yaml.safe_load((ROOT / "deploy/image/kustomization.yaml").read_text(encoding="utf-8"))
    assert component["images"][0]["newTag"] == VERSION


def test_the_changelogs_newest_release_is_this_one() -> None:
    """Above it there may be what is unreleased."""
    headings, released = _headings(), _released()
    assert "Unreleased" not in headings[1:]
    assert released[0] == VERSION
    assert sorted(released, key=_numbers, reverse=True) == released


def test_no_kept_state_is_of_a_later_release() -> None:
    """Each release leaves its own: tests/upgrade/README.md."""
    states = {each.name.removesuffix(".tar.xz") for each in (ROOT / "tests/upgrade/states").glob("*.tar.xz")}
    assert states >= set(_released()[1:]), "a release left no state"
    assert max(map(_numbers, states)) <= _numbers(VERSION)
