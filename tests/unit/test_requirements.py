"""What the image and `make setup` install: the versions of constraints.txt, each with the hashes its files had then."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
GROUPS: Final[dict[str, list[str]]] = {
    "deploy/requirements.txt": [],
    "requirements-test.txt": ["test", "editable"],
    "requirements-bench.txt": ["bench"],
}
"""The files, with the dependency groups that each holds beside what the project itself needs."""
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>; \[]", requirement)[0]).lower()


@pytest.fixture(params=GROUPS)
def file(request: pytest.FixtureRequest) -> str:
    """Return one of the files."""
    name: str = request.param
    return name


@pytest.fixture
def text(file: str) -> str:
    """Return what is in it."""
    return (ROOT / file).read_text(encoding="utf-8")


@pytest.fixture
def entries(text: str) -> list[str]:
    """Return each package of it with its hashes."""
    return re.split(r"\n(?=\S)", text.strip())


def test_every_package_has_one_version_and_hashes(entries: list[str]) -> None:
    for entry in entries:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^\\\n]+)? (\\\n    --hash=sha256:[0-9a-f]{64} ?)+", entry), entry[:80]
    assert len({_name(entry) for entry in entries}) == len(entries)


def test_the_versions_are_those_of_the_constraints(entries: list[str]) -> None:
    """`make hashes` writes the files anew after a change of them."""
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    versions = {_name(name): version for name, version in pinned.items()}
    for entry in entries:
        if "sys_platform == 'win32'" in entry:  # never installed where this runs
            continue
        _, _, version = entry.split()[0].partition("==")
        assert versions.get(_name(entry)) == version, f"{entry.split()[0]}: make hashes"


def test_every_dependency_of_the_project_is_there(file: str, entries: list[str]) -> None:
    needed = PROJECT["project"]["dependencies"] + [
        each for group in GROUPS[file] for each in PROJECT["dependency-groups"][group]
    ]
    if file == "deploy/requirements.txt":  # the image's sandbox speaks TLS, as in compose.yaml
        needed += PROJECT["project"]["optional-dependencies"]["tls"]
    assert {_name(each) for each in needed} <= {_name(entry) for entry in entries}


def test_what_installs_the_project_itself_is_there() -> None:
    """It is built without isolation, so that nothing comes from an index without a hash."""
    editable = {_name(each) for each in PROJECT["dependency-groups"]["editable"]}
    assert {_name(each) for each in PROJECT["build-system"]["requires"]} <= editable


def test_no_index_is_named(text: str) -> None:
    assert "http" not in text.replace("aiohttp", "")
    assert "index" not in text
    assert "find-links" not in text
