"""Classify: AppsFlyer's answer → what becomes of the event. One pure table.

Source: AppsFlyer, OpenAPI of the S2S events API (api3), responses; the statuses that it does not list follow RFC 9110.
The status decides. The text tells a wrong key from a wrong event, both of which get a 400, and AppsFlyer's answers from
those that something on the way gives in its place.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from connectors.appsflyer.page import is_page, is_word
from flows.domain.fate import DeadLetterReason


class Verdict(StrEnum):
    """What an answer means for the event."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """Not now: it is tried again."""
    REJECTED = "rejected"
    """Never, as it is."""
    CREDENTIALS = "credentials"
    """The app's key, id or plan is wrong, not the event."""
    INTERCEPTED = "intercepted"
    """A network, a proxy or a portal answers in AppsFlyer's place: it says nothing of the event, nor of the key."""


class Classified(NamedTuple):
    """A verdict, and why in plain words."""

    verdict: Verdict
    meaning: str


_OK: Final = 200
_BAD_REQUEST: Final = 400
_SERVER_ERRORS: Final = range(500, 600)

_ACCEPTED: Final = Classified(Verdict.DELIVERED, "accepted")
UNUSUAL: Final = Classified(Verdict.DELIVERED, "accepted, with a text that AppsFlyer does not document")
_PAGE: Final = Classified(
    Verdict.INTERCEPTED,
    "a web page came instead of AppsFlyer's answer: a network, a proxy or a sign-in portal answers in its place",
)
_NOT_APPSFLYERS: Final = Classified(
    Verdict.INTERCEPTED, "not an answer of AppsFlyer's: a network, a proxy or another server answers in its place"
)

_BY_STATUS: Final = {
    200: UNUSUAL,
    400: Classified(Verdict.REJECTED, "AppsFlyer finds the request invalid"),
    401: Classified(Verdict.CREDENTIALS, "the key is not the S2S key of this app"),
    403: Classified(
        Verdict.CREDENTIALS,
        "refused: the plan («Zero») does not accept S2S events, or the key or the app id is wrong, or the quota is "
        "used up",
    ),
    404: Classified(Verdict.REJECTED, "AppsFlyer does not know the path or the app"),
    407: Classified(Verdict.INTERCEPTED, "a proxy on the way asks for a sign-in"),
    408: Classified(Verdict.RETRY, "AppsFlyer timed out"),
    413: Classified(Verdict.REJECTED, "the body is too large for AppsFlyer"),
    415: Classified(Verdict.REJECTED, "AppsFlyer does not take the content type"),
    421: Classified(Verdict.INTERCEPTED, "the request went to a server that does not answer for AppsFlyer's name"),
    425: Classified(Verdict.RETRY, "too early"),
    429: Classified(Verdict.RETRY, "too many requests"),
    511: Classified(Verdict.INTERCEPTED, "the network asks for a sign-in"),
}

_BAD_REQUEST_TEXTS: Final = (
    ("failed to authenticate", Classified(Verdict.CREDENTIALS, "the key is wrong")),
    ("app_id", Classified(Verdict.CREDENTIALS, "the app id is wrong, or does not belong to the key")),
    ("appsflyer_id is a mandatory", Classified(Verdict.REJECTED, "AppsFlyer does not accept the AppsFlyer id")),
    ("payload is missing", Classified(Verdict.REJECTED, "AppsFlyer cannot read the body")),
)


def classify(status: int, text: str, is_html: bool = False) -> Classified:  # noqa: FBT001, FBT002 - for each answer
    """Return what an answer means; `is_html`: its content type says so. Total; nothing but 200 is a delivery."""
    if status == _OK and is_word(text):
        return _ACCEPTED
    classified = _by_text(text) if status == _BAD_REQUEST else _by_status(status)
    # What may pass does so whoever says it: a load balancer's page for a 503 is one of many.
    if classified.verdict is not Verdict.RETRY and is_page(text, is_html=is_html):
        return _PAGE
    return classified


def _by_text(text: str) -> Classified:
    lowered = text.lower()
    return next((classified for part, classified in _BAD_REQUEST_TEXTS if part in lowered), _BY_STATUS[_BAD_REQUEST])


def _by_status(status: int) -> Classified:
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status < _OK:
        return Classified(Verdict.RETRY, "no final answer")
    if status in _SERVER_ERRORS:
        return Classified(Verdict.RETRY, "AppsFlyer failed")
    return _NOT_APPSFLYERS if status < _BAD_REQUEST else Classified(Verdict.REJECTED, "AppsFlyer refuses the request")


DEAD_LETTER_REASONS: Final = {
    Verdict.RETRY: DeadLetterReason.RETRIES_EXHAUSTED,
    Verdict.REJECTED: DeadLetterReason.REJECTED,
    Verdict.CREDENTIALS: DeadLetterReason.CREDENTIALS_REJECTED,
    Verdict.INTERCEPTED: DeadLetterReason.RETRIES_EXHAUSTED,
}
"""The reason of an event that is given up after such an answer."""
