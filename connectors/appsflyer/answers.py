"""Answers: what an answer of AppsFlyer means for the event, the app and the operator. One pure table.

Sources, row by row: AppsFlyer, OpenAPI of the S2S events API (api3), responses and hints, for 200, 400, 401, 403 and
500; of a 403 also the issues of AppsFlyer's SDKs. The other statuses follow RFC 9110, RFC 6585 (429, 511) and RFC 8470
(425). The status decides. The text tells a wrong key from a wrong event, both of which get a 400, and AppsFlyer's
answers from those that something on the way gives in its place.
"""

from enum import Enum, StrEnum
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


DEAD_LETTER_REASONS: Final = {
    Verdict.RETRY: DeadLetterReason.RETRIES_EXHAUSTED,
    Verdict.REJECTED: DeadLetterReason.REJECTED,
    Verdict.CREDENTIALS: DeadLetterReason.CREDENTIALS_REJECTED,
    Verdict.INTERCEPTED: DeadLetterReason.RETRIES_EXHAUSTED,
}
"""The reason of an event that is given up after such an answer."""


class Overload(Enum):
    """Whether an answer says that too much is sent."""

    NO = 0
    POSSIBLE = 1
    """503: the server may as well be broken."""
    CERTAIN = 2


class AnswerClass(NamedTuple):
    """A row: what all answers of a kind mean."""

    verdict: Verdict
    meaning: str
    """Why, in a few words: for logs, dead letters and status."""
    advice: tuple[str, ...]
    """What the operator is told, and what to do, a sentence or two each."""
    overload: Overload = Overload.NO
    proves_alive: bool = False
    """AppsFlyer has read the request: the app and its key are right."""
    may_be_poison: bool = False
    """One event alone may get it while others pass: then it says nothing of the app."""


_AFTER_A_200: Final = (
    "AppsFlyer checks hardly anything on receipt, so a 200 is no proof that the event is recorded.",
    "Look for it in the app's dashboard or raw data within some minutes: Events, by the name above.",
    "If it does not appear, the appsflyer_id is well-formed but of no install of this app,",
    "or the app id is that of another app of the same account.",
)
_WRONG_KEY: Final = (
    "AppsFlyer does not accept the key for this app.",
    "It must be the S2S key (Security center → AppsFlyer API tokens); the SDK's dev key belongs to dev_key and api2.",
    "Look for a key of another account or app, one that was rotated, and blanks that were copied with it.",
)
_AGAIN: Final = "The stream tries again by itself, for delivery.retry_minutes."
_UNKNOWN: Final = ("AppsFlyer does not document this answer.", "Something in between may have given it: a proxy?")


def _delivered(meaning: str, *advice: str) -> AnswerClass:
    return AnswerClass(Verdict.DELIVERED, meaning, (*advice, *_AFTER_A_200), proves_alive=True)


def _retry(meaning: str, *advice: str, overload: Overload = Overload.NO, may_be_poison: bool = False) -> AnswerClass:
    return AnswerClass(Verdict.RETRY, meaning, advice, overload, may_be_poison=may_be_poison)


def _rejected(meaning: str, *advice: str, proves_alive: bool = False) -> AnswerClass:
    return AnswerClass(Verdict.REJECTED, meaning, advice, proves_alive=proves_alive)


def _credentials(meaning: str, *advice: str, may_be_poison: bool = False) -> AnswerClass:
    return AnswerClass(Verdict.CREDENTIALS, meaning, advice, may_be_poison=may_be_poison)


def _intercepted(meaning: str, *advice: str) -> AnswerClass:
    return AnswerClass(Verdict.INTERCEPTED, meaning, advice, may_be_poison=True)


ACCEPTED: Final = _delivered("accepted", "200: AppsFlyer has taken the event.")
UNUSUAL: Final = _delivered(
    "accepted, with a text that AppsFlyer does not document",
    "200, with another text than «OK»: the stream takes it for a delivery, and warns of it once.",
    "Is it AppsFlyer that answered? If not, see delivery.endpoint and delivery.proxy.",
)
BROKEN: Final = _retry(
    "no answer: the connection failed, broke or timed out",
    "There is no connection to AppsFlyer.",
    "Look at the network, delivery.proxy and ca_file.",
)
_PAGE: Final = _intercepted(
    "a web page came instead of AppsFlyer's answer: a network, a proxy or a sign-in portal answers in its place",
    "A web page came instead of AppsFlyer's answer: something on the way answers in AppsFlyer's place.",
    "It is no delivery: a sign-in page of this network, a proxy or a firewall, or a wrong delivery.endpoint.",
    "Allow requests to AppsFlyer from here, or see delivery.proxy. The stream pauses the app meanwhile.",
)
_BAD_REQUESTS: Final = (
    (
        "failed to authenticate",
        _credentials("the key is wrong", "400, «Failed to Authenticate»: the key is wrong.", *_WRONG_KEY),
    ),
    (
        "app_id",
        _credentials(
            "the app id is wrong, or does not belong to the key",
            "400: the app id is wrong, or does not belong to the key.",
            "iOS: id and digits, such as id123456789; Android: the package name, in its own case.",
        ),
    ),
    (
        "appsflyer_id is a mandatory",
        _rejected(
            "AppsFlyer does not accept the AppsFlyer id",
            "400: AppsFlyer does not take the appsflyer_id.",
            "It must be what the app's SDK returns from getAppsFlyerUID(), of an install that AppsFlyer knows.",
            proves_alive=True,
        ),
    ),
    (
        "payload is missing",
        _rejected(
            "AppsFlyer cannot read the body",
            "400: AppsFlyer cannot read the body.",
            "The stream sends one event as JSON: something between here and AppsFlyer changes the request.",
            proves_alive=True,
        ),
    ),
)
"""What the text of a 400 contains → what it means; in this order."""
_BY_STATUS: Final = {
    200: UNUSUAL,
    400: _rejected(
        "AppsFlyer finds the request invalid",
        "400: the event failed at least one of AppsFlyer's checks, and the answer does not say which.",
        "Compare the body above with AppsFlyer's list of fields: identifiers, eventTime, eventCurrency, ip.",
        proves_alive=True,
    ),
    401: _credentials(
        "the key is not the S2S key of this app", "401: the key is not the S2S key of this app.", *_WRONG_KEY
    ),
    403: _credentials(
        "refused: the plan («Zero») does not accept S2S events, or the key or the app id is wrong, or the quota is "
        "used up",
        "403: AppsFlyer refuses. Its texts name several causes, and the answer does not say which:",
        "the account is on the «Zero» plan, or its package lacks server-to-server events: ask your AppsFlyer manager;",
        "the key is of the wrong type: the S2S key belongs to api3 (s2s_key), the dev key to api2 (dev_key);",
        "the app id in the address is not the key's, or is not a live app of this account;",
        "the plan's quota is used up.",
        may_be_poison=True,
    ),
    404: _rejected(
        "AppsFlyer does not know the path or the app",
        "404: AppsFlyer does not know the address or the app.",
        "Look at the app id, and at delivery.endpoint.",
    ),
    407: _intercepted(
        "a proxy on the way asks for a sign-in",
        "407: a proxy on the way asks for a sign-in.",
        "Give it in delivery.proxy, or allow requests to AppsFlyer.",
    ),
    408: _retry("AppsFlyer timed out", "408: AppsFlyer timed out.", _AGAIN),
    413: _rejected(
        "the body is too large for AppsFlyer",
        "413: the body is too large.",
        "AppsFlyer documents 1 KB: is delivery.max_body_bytes above 1024?",
    ),
    415: _rejected(
        "AppsFlyer does not take the content type",
        "415: the content type is not taken.",
        "Something between here and AppsFlyer changes the request: a proxy?",
    ),
    421: _intercepted(
        "the request went to a server that does not answer for AppsFlyer's name",
        "421: the request went to a server that does not answer for AppsFlyer's name.",
        "See delivery.endpoint and delivery.proxy: a proxy, or a name that leads elsewhere.",
    ),
    425: _retry("too early", "425: too early.", _AGAIN),
    429: _retry(
        "too many requests",
        "429: too many requests.",
        "Another sender uses up the app's rate; see delivery.max_requests_per_second.",
        overload=Overload.CERTAIN,
    ),
    500: _retry(
        "AppsFlyer failed",
        f"AppsFlyer failed. {_AGAIN}",
        "AppsFlyer also answers 500 to some events that it cannot read: try a plainer one.",
        may_be_poison=True,
    ),
    503: _retry("AppsFlyer failed", f"AppsFlyer failed. {_AGAIN}", overload=Overload.POSSIBLE),
    511: _intercepted(
        "the network asks for a sign-in",
        "511: the network asks for a sign-in.",
        "Sign in, or allow requests to AppsFlyer from this network.",
    ),
}
_OTHER: Final = _intercepted(
    "not an answer of AppsFlyer's: a network, a proxy or another server answers in its place",
    "Only a 200 is AppsFlyer's: something else answers in its place.",
    "See delivery.endpoint and delivery.proxy.",
)
_BY_CLASS: Final = {
    1: _retry("no final answer", *_UNKNOWN),
    2: _OTHER,
    3: _OTHER._replace(
        advice=(
            "A redirect, which the stream never follows.",
            "See delivery.endpoint; or is there a portal in between?",
        )
    ),
    5: _retry("AppsFlyer failed", f"AppsFlyer failed. {_AGAIN}"),
}
_REFUSED: Final = _rejected("AppsFlyer refuses the request", *_UNKNOWN)


def judge(status: int, text: str, is_html: bool = False) -> AnswerClass:  # noqa: FBT001, FBT002 - for each answer
    """Return the row of an answer; `is_html`: its content type says so. Total; nothing but 200 is a delivery.

    Status 0 is no answer.
    """
    if status == 200 and is_word(text):  # noqa: PLR2004 - HTTP's OK
        return ACCEPTED
    row = _by_text(text) if status == 400 else _by_status(status)  # noqa: PLR2004 - HTTP's Bad Request
    if (row.verdict is not Verdict.RETRY or row.may_be_poison) and is_page(text, is_html=is_html):
        # What may pass does so whoever says it: a load balancer's page for a 503 is one of many. One for a 500 is no
        # hint of AppsFlyer's at the body.
        return _BY_CLASS[5] if row.verdict is Verdict.RETRY else _PAGE
    return row


def _by_text(text: str) -> AnswerClass:
    lowered = text.lower()
    return next((row for part, row in _BAD_REQUESTS if part in lowered), _BY_STATUS[400])


def _by_status(status: int) -> AnswerClass:
    row = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100)
    if row is not None:
        return row
    if status == 0:
        return BROKEN
    return _BY_CLASS[1] if status < 100 else _REFUSED  # noqa: PLR2004 - below HTTP's statuses
