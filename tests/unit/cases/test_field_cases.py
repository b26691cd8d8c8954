"""Events as people's SDKs, servers and networks write them, and what must come of each: `cases/field-cases.ndjson`.

A case holds settings, lines and one `expected` for each printed line; rows of one line come in any order. A row says
`outcome`, or `outcome_not`, and `reason`; `body` and `not_body` are members that the request has and does not have,
`absent` are names that it lacks, `value` are members of the parsed `eventValue`, `value_text` is text within it.
"""

import base64
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from flows.operations.explain import Explainer
from flows.settings.file import parse

FILE: Final = Path(__file__).parent / "field-cases.ndjson"
CASES: Final = [orjson.loads(line) for line in FILE.read_bytes().splitlines()]
AT_MS: Final = 1_795_921_200_000
"""An hour after the cases' events."""
NOT_YET: Final[frozenset[str]] = frozenset()
"""Known faults. What is mended is taken out of here: a case that passes although it is named here fails."""


def lines_of(case: dict[str, Any]) -> list[bytes]:
    if case.get("lines_b64") is not None:
        return [base64.b64decode(line) for line in case["lines_b64"]]
    return [line.encode() for line in case["lines"]]


def printed(case: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Return what `explain` prints, by line."""
    explainer = Explainer(parse(case["settings"], Path("stream.toml")))
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for number, line in enumerate(lines_of(case), 1):
        for each in explainer.explain(number, line, AT_MS):
            rows[each.line].append(orjson.loads(orjson.dumps(each.as_json())))
    return rows


def fits(row: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Return whether a printed row is what is expected."""
    body = (row["request"] or {}).get("body", {})
    text = body.get("eventValue") or "{}"
    value = json.loads(text)
    return (
        row["outcome"] == expected.get("outcome", row["outcome"])
        and row["outcome"] != expected.get("outcome_not")
        and row["reason"] == expected.get("reason", row["reason"])
        and all(body.get(name) == wanted for name, wanted in expected.get("body", {}).items())
        and all(body.get(name) != unwanted for name, unwanted in expected.get("not_body", {}).items())
        and not any(name in body for name in expected.get("absent", ()))
        and all(value.get(name) == wanted for name, wanted in expected.get("value", {}).items())
        and expected.get("value_text", "") in text
    )


def are_matched(rows: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Return whether each row is another one of the expected, and none is left over."""
    if not rows or not expected:
        return not rows and not expected
    return any(
        fits(rows[0], each) and are_matched(rows[1:], [*expected[:place], *expected[place + 1 :]])
        for place, each in enumerate(expected)
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            each,
            id=each["id"],
            marks=pytest.mark.xfail(raises=AssertionError, strict=True) if each["id"] in NOT_YET else (),
        )
        for each in CASES
    ],
)
def test_a_case_from_the_field(case: dict[str, Any]) -> None:
    rows, expected = printed(case), case["expected"]
    for line in sorted({*rows, *(each["line"] for each in expected)}):
        of_line = [each for each in expected if each["line"] == line]
        assert are_matched(rows[line], of_line), f"{case['why']}\nline {line}: {rows[line]}\nexpected: {of_line}"


def test_what_is_known_to_fail_are_cases() -> None:
    assert {each["id"] for each in CASES} >= NOT_YET
