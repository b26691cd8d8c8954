"""Printable: nothing that a terminal or a log would take for anything but text."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.printable import printable, printable_json


@given(st.text())
def test_the_result_has_no_control_characters(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text().filter(str.isprintable))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_escapes_are_shown() -> None:
    assert printable("a\x1b[31m\nb\u202ec\x9b") == "a\\x1b[31m\\nb\\u202ec\\x9b"


@given(st.dictionaries(st.text(), st.text()))
def test_a_line_of_json_is_printable_and_means_the_same(value: dict[str, str]) -> None:
    try:
        line = orjson.dumps(value)
    except TypeError:  # a lone surrogate, which orjson refuses
        return
    shown = printable_json(line)
    assert shown.decode().isprintable()
    assert orjson.loads(shown) == value
