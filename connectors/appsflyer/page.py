"""Page: tells a web page from an answer of AppsFlyer's. Pure."""

import re
from typing import Final

_BEFORE: Final = "\ufeff\ufffd\x00 \t\r\n\f\v"
"""What may stand before the first character: blanks, a mark of the byte order, also one that was read as UTF-8."""
_MARKUP: Final = re.compile(r"<\s*[!?/a-zA-Z]")


def is_page(text: str, *, is_html: bool) -> bool:
    """Return whether an answer is a page, by its content type or by its beginning.

    AppsFlyer answers with a word or a sentence, never with markup (its OpenAPI of the S2S events API), so any tag,
    declaration or comment at the beginning is somebody else's: the beginnings that WHATWG's MIME Sniffing standard
    lists, XHTML, and the XML of hotspots (WISPr). Its word is its own whatever the content type is, and an answer
    without a text is no page.
    """
    content = text.replace("\x00", "").lstrip(_BEFORE)
    if _MARKUP.match(content):
        return True
    return is_html and bool(content) and not is_word(text)


def is_word(text: str) -> bool:
    """Return whether a text is what AppsFlyer answers to an event that it takes, quoted as JSON or not; or nothing."""
    return text.strip('\ufeff" \t\r\n').lower() in ("ok", "")
