"""Globs mean what Amplitude's page says, and no text makes them expensive."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flows.domain.globs import Glob
from tests.fixtures.examples import examples

tokens = st.one_of(
    st.tuples(st.just("letter"), st.sampled_from("ab/.*?[]!^-\\&|~+(){}$é")),
    st.tuples(st.sampled_from(["star", "stars", "one"]), st.just("")),
    st.tuples(st.sampled_from(["in", "not in"]), st.text("ab^&|~.-+\\[", min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["in", "not in"]), st.sampled_from(["a-c", "0-9", "a-a", "&-~", "+--"])),
)


def as_glob(glob: list[tuple[str, str]]) -> str:
    parts = {"star": "*", "stars": "**", "one": "?"}
    written = ""
    for kind, text in glob:
        if kind == "letter":
            written += f"\\{text}" if text in "*?[\\" else text
        elif kind in parts:
            written += parts[kind]
        else:
            written += f"[{'!' if kind == 'not in' else ''}{text}]"
    return written


def is_member(letter: str, members: str) -> bool:
    if not members:
        return False
    if len(members) > 2 and members[1] == "-":
        return members[0] <= letter <= members[2] or is_member(letter, members[3:])
    return letter == members[0] or is_member(letter, members[1:])


def matches(glob: list[tuple[str, str]], text: str) -> bool:
    """Try everything."""
    if not glob:
        return not text
    (kind, members), rest = glob[0], glob[1:]
    if kind in ("star", "stars"):
        lengths = range(len(text) + 1)
        return any(matches(rest, text[n:]) for n in lengths if kind == "stars" or "/" not in text[:n])
    if not text:
        return False
    fits = {
        "letter": text[0] == members,
        "one": text[0] != "/",
        "in": is_member(text[0], members),
        "not in": not is_member(text[0], members),
    }
    return fits[kind] and matches(rest, text[1:])


@given(st.lists(tokens, max_size=5), st.text("abc/.*?[]!^-\\&|~+(){}$é05", max_size=6))
@examples(400)
def test_a_glob_matches_what_a_slow_reading_matches(glob: list[tuple[str, str]], text: str) -> None:
    """Amplitude: `*` does not cross `/`, `**` does, `[0-9]` and `[!a-z]`; nothing else of it is special."""
    stars = ("star", "stars")
    assume(not any(one[0] in stars and other[0] in stars for one, other in pairwise(glob)))
    assume(not any(len(part) > 2 and part[1] == "-" and part[0] > part[2] for _, part in glob))
    assume(not any(part.startswith("!") for kind, part in glob if kind == "in"))
    compiled = Glob(as_glob(glob))
    assert compiled.matches(text) == matches(glob, text)
    assert compiled._matches_long(text) == matches(glob, text)


@given(st.lists(tokens, max_size=12), st.text("ab/é", max_size=60))
def test_a_long_text_is_judged_as_a_short_one(glob: list[tuple[str, str]], text: str) -> None:
    compiled = Glob(as_glob(glob))
    assume(compiled._stars <= 3)
    assert compiled._matches_long(text) == (compiled._pattern.fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        ("*x*", "x" * 500_000 + "/", False),
        ("*a*a*a*a*b", "a" * 500_000, False),
        ("**a**a**b", "/a" * 250_000, False),
        ("*a*a*a*a*b", "a" * 500_000 + "b", True),
        ("**/x*", "/" * 500_000 + "xy", True),
    ],
)
def test_no_text_keeps_it_busy(glob: str, text: str, *, expected: bool) -> None:
    """Trying every length of every star would take from hours to longer than anybody lives."""
    assert Glob(glob).matches(text) is expected


@given(st.text(max_size=12))
def test_any_text_is_a_glob(glob: str) -> None:
    """Compiling a glob raises nothing and warns of nothing, whatever an operator writes."""
    for written in (glob, f"[{glob}", f"[!{glob}]", f"**{glob}"):
        assert Glob(written).matches("x") in (True, False)


@pytest.mark.parametrize(
    "glob", ["[z-a]", "[", "[]", "[!]", "a[", "\\", "[a--b]", "[--]", "[&&]", "[||]", "[~~]", "[[a]"]
)
def test_odd_globs(glob: str) -> None:
    """A class that runs backwards or is not closed is meant as it stands; nothing is read as Python's `re` reads it."""
    if glob in ("[z-a]", "[", "[]", "[!]", "a[", "\\", "[a--b]"):
        assert Glob(glob).matches(glob)
    else:
        assert Glob(glob).matches(glob[1])
