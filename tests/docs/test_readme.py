"""The README is short, begins with the product at work, and names every command."""

import re

from flows.commands.parser import COMMANDS
from flows.domain.fate import DeadLetterReason, FilterReason, Outcome
from tests.docs.markdown import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_outcome_and_reason_is_explained() -> None:
    """The table of outcomes is complete."""
    table = (ROOT / "docs/outcomes.md").read_text(encoding="utf-8")
    for word in (*Outcome, *FilterReason, *DeadLetterReason):
        assert f"`{word.value}`" in table


def test_every_command_is_in_the_table() -> None:
    table = README[README.index("## Commands") : README.index("## How fast")]
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(COMMANDS)


def test_it_can_be_read_in_one_sitting() -> None:
    assert len(README.split()) <= 1200


def test_the_first_picture_is_the_product_at_work_and_the_benchmark_comes_later() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\((\S+)\)", README)
    assert pictures[0] == "docs/top.svg"
    assert README.index(pictures[0]) < README.index("\n## ") < README.index("docs/benchmarks/")
