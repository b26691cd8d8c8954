"""OpenDSR's answers: what one means for a request for erasure, and what to do. A pure table.

Source: AppsFlyer, OpenAPI of the OpenDSR API: responses, and the list of `af_gdpr_code` in schema APIErrorData. It
documents 201 and 400 for a request, 200 and 400 for its status; other statuses follow RFC 9110 and RFC 6585 (429).
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from connectors.appsflyer.page import is_page


class Reception(StrEnum):
    """How AppsFlyer takes a request."""

    ACCEPTED = "accepted"
    """It has the request, now or since before."""
    LATER = "later"
    """Not now: the same request is to be sent again."""
    CORRECT = "correct"
    """Not before something here is corrected; then the same request is to be sent again."""
    REFUSED = "refused"
    """Never, for this identity."""


class ErasureStatus(StrEnum):
    """How far AppsFlyer is with a request: its `request_status`, and what stands in its place."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    CANCELED = "canceled"
    GONE = "gone"
    """AppsFlyer has no such request (e214), as it keeps them for 60 days."""


class DsrAnswer(NamedTuple):
    """What an answer means."""

    reception: Reception
    meaning: str
    """A few words; no text of AppsFlyer's, which may repeat an identity."""
    advice: str = ""
    """What to do, in a sentence."""
    is_general: bool = False
    """Any other request would get the same now."""
    expected_time: str | None = None
    """When AppsFlyer means to have done it, as it says so."""
    progress: ErasureStatus | None = None
    """None where the answer tells none."""


_ACCEPTED: Final = DsrAnswer(Reception.ACCEPTED, "accepted", progress=ErasureStatus.PENDING)
_AGAIN_LATER: Final = "Run the command again later; it sends the same request."
_AGAIN_CORRECTED: Final = "Then run the command again; it sends the same request."


def _later(meaning: str, advice: str = _AGAIN_LATER, *, is_general: bool = False) -> DsrAnswer:
    return DsrAnswer(Reception.LATER, meaning, advice, is_general)


def _correct(meaning: str, advice: str, *, is_general: bool = False) -> DsrAnswer:
    return DsrAnswer(Reception.CORRECT, meaning, f"{advice} {_AGAIN_CORRECTED}", is_general)


_CREDENTIALS: Final = (
    "Put an API token V2 of this account into erasure.api_token (AppsFlyer: Security center, AppsFlyer API tokens; "
    "an admin sees it)."
)
_APP: Final = "Correct the app id of the sync: it must be as AppsFlyer's dashboard shows it."
_NOT_US: Final = "Look at erasure.endpoint, delivery.proxy, and what else is between here and AppsFlyer."
_CODES: Final = {
    "e212": _correct("AppsFlyer does not permit the request (e212)", _CREDENTIALS, is_general=True),
    "e213": DsrAnswer(Reception.ACCEPTED, "AppsFlyer has this request already (e213)", progress=ErasureStatus.PENDING),
    "e214": DsrAnswer(
        Reception.LATER,
        "AppsFlyer has no such request any more (e214)",
        "It keeps them for 60 days.",
        progress=ErasureStatus.GONE,
    ),
    "e215": _later(
        "another open request at AppsFlyer has this identity (e215)",
        "Run the command again when that request is completed: one for access, or of another state directory.",
    ),
    "e317": _correct("AppsFlyer does not take the app id for one (e317)", _APP),
    "e319": _correct("the app at AppsFlyer is of another platform than the identity (e319)", _APP),
    "e321": DsrAnswer(
        Reception.REFUSED,
        "AppsFlyer takes no request by the advertising id of a user who limits ad tracking (e321)",
        "The person's other identities are asked for by requests of their own.",
    ),
    "e325": DsrAnswer(Reception.REFUSED, "AppsFlyer does not take the identity for a real one (e325)"),
    "e411": _correct("the app id is wrong, or of another account than the API token (e411)", _APP),
    "e413": _correct("the API token may not see the request (e413)", _CREDENTIALS, is_general=True),
    "e414": _later("too many requests at a time (e414)", is_general=True),
    "e511": _later(
        "an internal problem of AppsFlyer (e511)",
        "Run the command again in 60 minutes, as AppsFlyer asks; it sends the same request.",
        is_general=True,
    ),
}
_PAGE: Final = _correct("a web page came instead of AppsFlyer's answer", _NOT_US, is_general=True)
_STATUSES: Final = {
    0: _later(
        "no answer", f"Look at the network, and at proxy and ca_file in [delivery]. {_AGAIN_LATER}", is_general=True
    ),
    401: _correct("AppsFlyer does not accept the API token (401)", _CREDENTIALS, is_general=True),
    403: _correct("AppsFlyer does not accept the API token (403)", _CREDENTIALS, is_general=True),
    429: _later(
        "too many requests (429); AppsFlyer takes 350 a minute",
        "Run the command again in a minute; it sends the same request.",
        is_general=True,
    ),
}
_CREATED: Final = 201
_OK: Final = 200
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
_LONGEST_TIME: Final = 40
_LONGEST_CODE: Final = 8


def judge_request(status: int, text: str, *, is_html: bool = False) -> DsrAnswer:
    """Return what the answer to a request for erasure means. `status` is 0 where there was no answer."""
    if is_page(text, is_html=is_html):
        return _PAGE
    content = _parsed(text)
    # What the status says is not undone by a body that came cut off.
    if status == _CREATED or (status == _OK and "subject_request_id" in content):
        return _ACCEPTED._replace(expected_time=_expected_time(content))
    return _judge_failure(status, content)


def judge_status(status: int, text: str, *, is_html: bool = False) -> DsrAnswer:
    """Return what the answer to the question for a request's status means."""
    if is_page(text, is_html=is_html):
        return _PAGE
    content = _parsed(text)
    if status != _OK:
        return _judge_failure(status, content)
    said = content.get("request_status")
    progress = next(
        (each for each in ErasureStatus if each == str(said).replace("_", "-") and each != ErasureStatus.GONE), None
    )
    if progress is None:
        return _later("AppsFlyer's answer names no status that it documents")
    return DsrAnswer(Reception.ACCEPTED, progress.value, expected_time=_expected_time(content), progress=progress)


def _judge_failure(status: int, content: dict[str, Any]) -> DsrAnswer:
    code = _code(content)
    if code in _CODES:
        return _CODES[code]
    if status == _BAD_REQUEST and code:
        return _later(f"AppsFlyer does not take the request ({code})", f"Report it with the code. {_AGAIN_LATER}")
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= _SERVER_ERROR:
        return _later(f"a failure of AppsFlyer ({status})", is_general=True)
    return _correct(f"an answer that AppsFlyer does not document ({status})", _NOT_US, is_general=True)


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _code(content: dict[str, Any]) -> str:
    """Return the `af_gdpr_code` of an error, wrapped or not; empty where there is none."""
    error = content.get("error")
    code = (error if isinstance(error, dict) else content).get("af_gdpr_code")
    is_code = isinstance(code, str) and code.isascii() and code.isalnum() and len(code) <= _LONGEST_CODE
    return str(code).lower() if is_code else ""


def _expected_time(content: dict[str, Any]) -> str | None:
    time = content.get("expected_completion_time")
    return (
        time
        if isinstance(time, str) and time.isascii() and time.isprintable() and 0 < len(time) <= _LONGEST_TIME
        else None
    )
