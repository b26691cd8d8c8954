"""The library of an event, as its client says it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.library import is_on_server, library_name

_VALUES = st.none() | st.text(max_size=80) | st.integers() | st.lists(st.integers(), max_size=2)


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("amplitude-go/1.3.1", "amplitude-go/1.3.1"),
        ({"name": "amplitude-js", "version": "8.21.10"}, "amplitude-js/8.21.10"),
        ({"name": "amplitude-js", "version": None}, "amplitude-js"),
        ({"version": "1"}, ""),
        ("x" * 100, "x" * 64),
        ("with\nline", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_name_and_version(library: Any, name: str) -> None:
    """Text or an object; nothing that a header or a metric cannot have."""
    assert library_name(library) == name


@given(_VALUES | st.fixed_dictionaries({}, optional={"name": _VALUES, "version": _VALUES}))
def test_any_value_gives_a_short_printable_name(library: Any) -> None:
    """It is a label of metrics and a header of records."""
    name = library_name(library)
    assert len(name) <= 64
    assert name.isascii()
    assert name.isprintable()


def test_servers_libraries_are_known() -> None:
    """Their address is not their users'."""
    assert is_on_server("amplitude-node-ts/1.5.73")
    assert not is_on_server("amplitude-kotlin/1.26.0")
    assert not is_on_server("")
