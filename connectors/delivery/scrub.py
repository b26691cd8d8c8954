"""Scrub: the beginning of an answer, as it may be logged and stored."""

import json
from html import escape
from typing import Final
from urllib.parse import quote

_ANSWER_CHARACTERS: Final = 200


def scrub(text: str, key: str) -> str:
    """Return the beginning of an answer, on one line, without the key should it be repeated there, also encoded."""
    ways = {key, json.dumps(key)[1:-1], quote(key, safe=""), quote(key), escape(key)}
    for written in sorted(ways, key=len, reverse=True):  # the plain key may be the beginning of an encoded one
        text = text.replace(written, "***")
    return " ".join(text.split())[:_ANSWER_CHARACTERS]
