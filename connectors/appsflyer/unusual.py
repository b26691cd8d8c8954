"""Texts beside a 200 that AppsFlyer does not document: each kind is told once, for «OK» may change one day."""

import re
from typing import Final

import structlog

log = structlog.get_logger()

_MOST_KINDS: Final = 8
"""So many are told; a text that differs each time tells nothing new."""
_SHOWN_CHARACTERS: Final = 80
_CHANGING: Final = re.compile(r"[0-9a-fA-F-]{8,}|[0-9]+")
_VALUES: Final = re.compile(r"[^\s\"'<>]*@[^\s\"'<>]*|[0-9a-fA-F-]{8,}|[0-9]+")


class UnusualTexts:
    """Says once of each kind that it came; digits and ids make no kind of their own."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def note(self, lane: str, text: str) -> None:
        """Take note of a text beside a 200, of which the key was taken out."""
        kind = _CHANGING.sub("#", text)
        if kind in self._told or len(self._told) >= _MOST_KINDS:
            return
        self._told.add(kind)
        log.warning(
            "AppsFlyer answers 200 with another text than «OK»; it counts as a delivery",
            lane=lane,
            answer=_VALUES.sub("#", text)[:_SHOWN_CHARACTERS],
            do="look in the app's dashboard whether these events are there; something else may answer in its place",
        )
