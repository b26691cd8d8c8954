"""What the image installs: the versions of constraints.txt, each with the hashes that its files had then."""

import re
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "deploy/requirements.txt").read_text(encoding="utf-8")
ENTRIES: Final = re.split(r"\n(?=\S)", TEXT.strip())


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>; \[]", requirement)[0]).lower()


def test_every_package_has_one_version_and_hashes() -> None:
    for entry in ENTRIES:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^\\\n]+)? (\\\n    --hash=sha256:[0-9a-f]{64} ?)+", entry), entry[:80]


def test_the_versions_are_those_of_the_constraints() -> None:
    """`make hashes` writes the file anew after a change of them."""
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    versions = {_name(name): version for name, version in pinned.items()}
    for entry in ENTRIES:
        _, _, version = entry.split()[0].partition("==")
        assert versions[_name(entry)] == version, f"{entry.split()[0]}: make hashes"


def test_every_dependency_of_the_project_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {_name(each) for each in project["dependencies"]} <= {_name(entry) for entry in ENTRIES}


def test_no_index_is_named() -> None:
    assert "http" not in TEXT.replace("aiohttp", "")
    assert "index" not in TEXT
