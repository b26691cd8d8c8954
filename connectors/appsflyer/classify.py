"""Classify: AppsFlyer's answer → what becomes of the event. One pure table.

Source: AppsFlyer, OpenAPI of the S2S events API (api3), responses; the statuses that it does not list follow RFC 9110.
The status decides; the text only tells a wrong key from a wrong event, both of which get a 400.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from flows.steps.outcome import DeadLetterReason


class Verdict(StrEnum):
    """What an answer means for the event."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """Not now: it is tried again."""
    REJECTED = "rejected"
    """Never, as it is."""
    CREDENTIALS = "credentials"
    """The app's key, id or plan is wrong, not the event."""


class Classified(NamedTuple):
    """A verdict, and why in plain words."""

    verdict: Verdict
    meaning: str


_OK: Final = 200
_BAD_REQUEST: Final = 400
_SERVER_ERRORS: Final = range(500, 600)

_BY_STATUS: Final = {
    200: Classified(Verdict.DELIVERED, "accepted"),
    400: Classified(Verdict.REJECTED, "AppsFlyer finds the request invalid"),
    401: Classified(Verdict.CREDENTIALS, "the key is not the S2S key of this app"),
    403: Classified(
        Verdict.CREDENTIALS,
        "refused: the plan («Zero») does not accept S2S events, or the key or the app id is wrong, or the quota is "
        "used up",
    ),
    404: Classified(Verdict.REJECTED, "AppsFlyer does not know the path or the app"),
    408: Classified(Verdict.RETRY, "AppsFlyer timed out"),
    413: Classified(Verdict.REJECTED, "the body is too large for AppsFlyer"),
    415: Classified(Verdict.REJECTED, "AppsFlyer does not take the content type"),
    425: Classified(Verdict.RETRY, "too early"),
    429: Classified(Verdict.RETRY, "too many requests"),
}

_BAD_REQUEST_TEXTS: Final = (
    ("failed to authenticate", Classified(Verdict.CREDENTIALS, "the key is wrong")),
    ("app_id", Classified(Verdict.CREDENTIALS, "the app id is wrong, or does not belong to the key")),
    ("appsflyer_id is a mandatory", Classified(Verdict.REJECTED, "AppsFlyer does not accept the AppsFlyer id")),
    ("payload is missing", Classified(Verdict.REJECTED, "AppsFlyer cannot read the body")),
)


def classify(status: int, text: str) -> Classified:
    """Return what an answer means. Total; nothing but 200 is a delivery."""
    if status == _BAD_REQUEST:
        lowered = text.lower()
        for part, classified in _BAD_REQUEST_TEXTS:
            if part in lowered:
                return classified
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status < _OK:
        return Classified(Verdict.RETRY, "no final answer")
    if status in _SERVER_ERRORS:
        return Classified(Verdict.RETRY, "AppsFlyer failed")
    if _OK < status < _BAD_REQUEST:
        return Classified(Verdict.REJECTED, "not an answer of AppsFlyer: a redirect or a proxy's")
    return Classified(Verdict.REJECTED, "AppsFlyer refuses the request")


DEAD_LETTER_REASONS: Final = {
    Verdict.RETRY: DeadLetterReason.RETRIES_EXHAUSTED,
    Verdict.REJECTED: DeadLetterReason.REJECTED,
    Verdict.CREDENTIALS: DeadLetterReason.CREDENTIALS_REJECTED,
}
"""The reason of an event that is given up after such an answer."""
