"""docs/delivery.md: its promises are numbered, and each names tests that exist."""

import re
from typing import Final

import pytest

from tests.docs.markdown import ROOT, text_of

PAGE: Final = text_of(ROOT / "docs/delivery.md").partition("## What is not promised")[0]
PROMISES: Final = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)


def test_the_promises_are_counted_from_one() -> None:
    assert [int(number) for number, _ in PROMISES] == list(range(1, len(PROMISES) + 1))
    assert len(PROMISES) > 30


@pytest.mark.parametrize(("number", "text"), PROMISES, ids=[number for number, _ in PROMISES])
def test_a_promise_names_the_tests_behind_it(number: str, text: str) -> None:
    named = re.findall(r"`([\w/]+/test_\w+\.py)`", text)
    assert named, number
    assert [each for each in named if not (ROOT / "tests" / each).is_file()] == []


def test_a_promise_that_another_page_names_by_its_number_is_there() -> None:
    """The numbers in this page and in the runbook."""
    runbook = text_of(ROOT / "docs/runbook.md")
    named = re.findall(r"promise (\d+)", text_of(ROOT / "docs/delivery.md"))
    named += re.findall(r"\[delivery\.md\]\(delivery\.md\), (\d+)\)", runbook)
    assert named
    assert {*named} <= {number for number, _ in PROMISES}
