"""Printable: text from elsewhere, made safe for a terminal and for a line of a log."""


def printable(text: str) -> str:
    """Return the text with every control character, line break and invisible sign as its escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
