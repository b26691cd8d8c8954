"""An answer that repeats the key, plain or as JSON, an address or HTML write it, is stored without it."""

import json
from html import escape
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.scrub import scrub

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=40)


@given(KEYS, st.sampled_from([str, lambda key: json.dumps(key)[1:-1], lambda key: quote(key, safe=""), quote, escape]))
def test_the_key_is_taken_out_however_it_is_written(key: str, write: type[str]) -> None:
    said = scrub(f"refused: {write(key)} is no key", key)
    assert said == "refused: *** is no key"


@given(st.text(), KEYS)
def test_it_is_one_short_line(text: str, key: str) -> None:
    said = scrub(text, key)
    assert len(said.splitlines()) <= 1
    assert len(said) <= 200
