r"""Globs, as Amplitude's filters have them: `*` and `?` do not cross `/`, `**` does, `[0-9]`, `[!a-z]`, and `\` quotes.

Source: Amplitude, «Event streaming overview».
"""

import re
from typing import Final

_STAR: Final = "[^/]*"
_STARS: Final = ".*"
_CHEAP_STEPS: Final = 10_000
"""How much a regular expression may try at most."""


class Glob:
    """A compiled glob. Any text is one: a class that is not closed, or runs backwards, is meant as it stands."""

    def __init__(self, glob: str) -> None:
        parts = _parts(glob)
        try:
            self._pattern = re.compile("".join(parts), re.DOTALL)
        except re.error:
            parts = [re.escape(letter) for letter in glob]
            self._pattern = re.compile("".join(parts), re.DOTALL)
        self._parts = parts
        self._stars = sum(part in (_STAR, _STARS) for part in parts)
        self._letters = {part: re.compile(part, re.DOTALL) for part in parts if part not in (_STAR, _STARS)}

    def matches(self, text: str) -> bool:
        """Return whether it matches the whole text.

        A regular expression tries each star's every length with each of the others': of a long text that somebody made
        for it, for hours. Then the way that costs more to begin with, but grows with the text only, is taken.
        """
        if len(text) ** self._stars <= _CHEAP_STEPS:
            return self._pattern.fullmatch(text) is not None
        return self._matches_long(text)

    def _matches_long(self, text: str) -> bool:
        """Go through the glob once, with all places of the text where its parts so far can end: bit i is place i."""
        size = len(text)
        no_slash = _places(text, {letter for letter in set(text) if letter != "/"})
        fitting: dict[str, int] = {}
        ends = 1
        for part in self._parts:
            if part == _STARS:
                ends = (2 << size) - (ends & -ends)  # from the first place on, every one
            elif part == _STAR:
                # The sum carries each place through the letters that follow it, up to the next slash.
                ends |= (no_slash + (ends & no_slash)) ^ no_slash
            else:
                if part not in fitting:
                    fits = self._letters[part].fullmatch
                    fitting[part] = _places(text, {letter for letter in set(text) if fits(letter)})
                ends = (ends & fitting[part]) << 1
            if not ends:
                return False
        return bool(ends >> size)


def _places(text: str, letters: set[str]) -> int:
    """Return where one of the letters stands: bit i for place i."""
    table = {ord(letter): "1" if letter in letters else "0" for letter in set(text)}
    return int(text[::-1].translate(table) or "0", 2)


def _parts(glob: str) -> list[str]:
    """Return the regular expressions of which each stands for one letter, or is one of the stars."""
    parts: list[str] = []
    place = 0
    while place < len(glob):
        letter = glob[place]
        closing = glob.find("]", place + 2 + glob.startswith("[!", place)) if letter == "[" else -1
        if glob.startswith("**", place):
            parts.append(_STARS)
            place += 2
        elif letter == "*":
            parts.append(_STAR)
            place += 1
        elif letter == "?":
            parts.append("[^/]")
            place += 1
        elif closing > 0:
            parts.append(_class(glob[place + 1 : closing]))
            place = closing + 1
        elif letter == "\\" and place + 1 < len(glob):
            parts.append(re.escape(glob[place + 1]))
            place += 2
        else:
            parts.append(re.escape(letter))
            place += 1
    return parts


def _class(inside: str) -> str:
    """Return the pattern of a glob's `[…]`: letters and ranges, and nothing of what else Python's `re` reads there."""
    negated = inside.startswith("!")
    members = inside[negated:]
    parts: list[str] = []
    place = 0
    while place < len(members):
        if members[place + 1 : place + 2] == "-" and place + 2 < len(members):
            parts.append(f"{re.escape(members[place])}-{re.escape(members[place + 2])}")
            place += 3
        else:
            parts.append(re.escape(members[place]))
            place += 1
    return f"[{'^' if negated else ''}{''.join(parts)}]"
