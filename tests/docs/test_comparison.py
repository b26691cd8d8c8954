"""docs/comparison.md: no cell without a word, no claim about others without a source that is named and dated."""

import re

from flows.domain.sync import Operator
from tests.docs.markdown import ROOT

TEXT = (ROOT / "docs/comparison.md").read_text(encoding="utf-8")
BODY, SOURCES = TEXT.split("## Sources", 1)
TABLE = [line[1:-1].split("|") for line in BODY.splitlines() if line.startswith("|")]


def test_every_row_says_something_of_each() -> None:
    assert len(TABLE) > 20
    assert {len(row) for row in TABLE} == {5}
    assert all(cell.strip() for row in TABLE[2:] for cell in row)


def test_sources_are_named_and_used() -> None:
    defined = set(re.findall(r"^- (\[\w\d\])", SOURCES, re.MULTILINE))
    assert set(re.findall(r"\[[A-Z]\d\]", BODY)) == defined
    assert SOURCES.count("<https://") == len(defined)


def test_it_is_dated_and_says_what_this_project_does_not_do() -> None:
    assert re.search(r"Read on \d{4}-\d\d-\d\d", BODY)
    assert BODY.split("## What this project does not do", 1)[1].count("\n- ") >= 5


def test_its_figures_are_the_programs() -> None:
    assert len(Operator) == 16
    assert "sixteen operators" in BODY
