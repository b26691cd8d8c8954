"""Printable: text from elsewhere, made safe for a terminal and for a line of a log."""

import json


def printable(text: str) -> str:
    """Return the text with every control character, line break and invisible sign as its escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def printable_json(line: bytes) -> bytes:
    """Return a line of JSON that means the same, with control characters and invisible signs as JSON's escapes."""
    text = line.decode()
    if text.isprintable():
        return line
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text).encode()


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
