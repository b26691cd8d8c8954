"""CONTRIBUTING's table: the files and symbols that it names exist, and so many files are what a change takes."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.docs.markdown import ROOT, text_of

_PART: Final = re.compile(r"`([\w./-]+\.(?:py|toml|yaml)|flows/commands)`(?:: ((?:`\w+`(?:, )?)+))?")


class Row(NamedTuple):
    """One change: how many files it takes, and which, with their symbols."""

    number: int
    files: dict[str, list[str]]


def _rows() -> dict[str, Row]:
    table = text_of(ROOT / "CONTRIBUTING.md").partition("## Where to change what")[2].partition("\n## ")[0]
    rows = {}
    for change, count, where in re.findall(r"^\| ([^|]+) \| (\d+) \| ([^|]+) \|$", table, re.MULTILINE):
        rows[change] = Row(int(count), {path: re.findall(r"\w+", names) for path, names in _PART.findall(where)})
    return rows


ROWS: Final = _rows()

KNOWN: Final = {
    "an identifier": r"\boaid\b",
    "a filter operator": r"(?i)\bset_contains\b",
    "the meaning of an answer of AppsFlyer, and what to do about it": r"\b(421|511)\b",
    "a warning": r"\bLONG_EVENT_NAME\b",
    "a metric": r"\bSNAPSHOT_SECONDS\b",
    "a command": r"(?i)\bschema of the settings, for editors",
}
"""What is there already of a kind: where its name stands is what another one of the kind takes."""


def test_the_table_is_read() -> None:
    assert len(ROWS) > 12
    assert {"a setting", *KNOWN} <= ROWS.keys()


def test_a_kind_is_one_folder_and_one_row() -> None:
    """`kinds.py` is the only file outside that names a folder's form, and a form alone names the folder's `kind`."""
    named = _where(r"^from connectors\.(files|inbox|kafka)\.kind import")
    assert not {each for each in named if not re.match("connectors/(files|inbox|kafka)/", each)}
    assert _where(r"\b(files|inbox|kafka)\.(SOURCE|DEAD_LETTERS)\b") == {"connectors/kinds.py"}


@pytest.mark.parametrize("change", ROWS)
def test_the_files_and_symbols_exist_and_are_so_many(change: str) -> None:
    row = ROWS[change]
    assert len(row.files) == row.number
    for path, names in row.files.items():
        assert (ROOT / path).exists(), path
        assert set(names) <= _symbols(path), path


@cache
def _symbols(path: str) -> set[str]:
    if not path.endswith(".py"):
        return set()
    found = set()
    for each in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            found.add(each.name)
        targets = (
            each.targets if isinstance(each, ast.Assign) else [each.target] if isinstance(each, ast.AnnAssign) else []
        )
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("change", KNOWN)
def test_one_that_is_there_stands_in_these_files_only(change: str) -> None:
    assert _where(KNOWN[change]) <= set(ROWS[change].files)


@pytest.mark.parametrize(("setting", "table"), [("hold_megabytes", "flows/settings/identity.py")])
def test_a_setting_is_declared_in_its_table_and_in_the_example(setting: str, table: str) -> None:
    assert _where(rf"^ +{setting}: ") == {table}
    assert setting in text_of(ROOT / "examples/stream.toml")


def _where(pattern: str) -> set[str]:
    """Return the product's files that hold it; the stand-in for AppsFlyer is an implementation of its own."""
    files = [path for root in ("flows", "connectors") for path in (ROOT / root).rglob("*.py")]
    found = {path.relative_to(ROOT) for path in files if re.search(pattern, _code(path), re.MULTILINE)}
    return {path.as_posix() for path in found if "sandbox" not in path.parts}


@cache
def _code(path: Path) -> str:
    return re.sub(r'""".*?"""|#.*', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
