"""What others have written is shown as text, whatever it is: no markup, no invisible sign, no megabyte."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from typing_extensions import override

from flows.console.static_files import StaticFiles
from flows.console.templates import bounded, percent, templates
from flows.operations.collector_facts import CollectorFacts
from flows.operations.deliveries import deliveries
from tests.fixtures.console import answer, circuit, slice_status

ENVIRONMENT = templates(StaticFiles().path_of)
TEMPLATES = sorted(Path("flows/console/templates").glob("*.html"))


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


def _named(value: str) -> dict[str, Any]:
    """Return a status of a slice with the value at every place where somebody else's text can be."""
    status = circuit(slice_status(why=[value], not_ready={"source": value}), "paused", value, "credentials")
    sync = status["syncs"][0]
    sync.update(name=value, filtered={value: 1}, dead_lettered={value: 2})
    sync["apps"][0].update(app_id=value, platform=value)
    sync["apps"][0]["last_answer"].update(status=value, meaning=value)
    status["recent"]["syncs"] = {value: status["recent"]["syncs"]["production"]}
    status["refused"] = {value: 3}
    status["slice"] = {"index": value, "count": value}
    return status


def _page(value: str) -> str:
    answers = [answer(_named(value)), answer(None, value, value)]
    found = deliveries(answers, {}, CollectorFacts((value,), value, value, loses_copies=True))
    return ENVIRONMENT.get_template("deliveries_content.html").render(found=found)


def _all_text() -> st.SearchStrategy[str]:
    markup = st.sampled_from(
        ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "{{ 7*7 }}", "\u202etxet"]
    )
    return st.one_of(st.text(min_size=1), markup, st.text("<>&\"'/=\u202e\u2066\x00\n", min_size=1))


@given(value=_all_text())
def test_values_add_no_markup_to_a_page(value: str) -> None:
    """The page has the tags and attributes that it has with a plain word."""
    assert _Tags(_page(value)).found == _Tags(_page("word")).found


@given(value=_all_text())
def test_no_invisible_sign_and_no_direction_reaches_a_page(value: str) -> None:
    shown = _page(value).replace("\n", "")
    assert shown.isprintable()


def test_a_megabyte_takes_a_page_no_further_than_some_hundred_letters() -> None:
    page = _page("x" * 1_000_000)
    assert len(page) < 20_000
    assert "x…" in page


@given(value=st.text())
def test_a_short_plain_text_is_shown_as_it_is(value: str) -> None:
    assert (bounded(value) == value) == (len(value) <= 300 and value.isprintable())


def test_nothing_undefined_is_shown_as_nothing() -> None:
    with pytest.raises(UndefinedError):
        ENVIRONMENT.from_string("{{ missing }}").render()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_nothing_that_the_policy_forbids(path: Path) -> None:
    """No inline script or style, none of htmx's attributes that evaluate text, and nothing unescaped."""
    text = path.read_text(encoding="utf-8")
    tags = _Tags(text)
    attributes = {name for _, names in tags.found for name in names}
    assert "style" not in attributes
    assert not any(name.startswith(("on", "hx-on", "hx-vals", "hx-vars")) for name in attributes)
    assert not any(tag == "style" or (tag == "script" and "src" not in names) for tag, names in tags.found)
    assert "|safe" not in text.replace(" ", "")
    assert "[" not in "".join(part.partition('"')[0] for part in text.split('hx-trigger="')[1:])
    assert "js:" not in text


@given(delivered=st.integers(0, 10**6), lost=st.integers(1, 10**6))
def test_a_share_is_never_said_to_be_whole_where_something_is_missing(delivered: int, lost: int) -> None:
    assert percent(delivered / (delivered + lost)) != "100.0 %"
