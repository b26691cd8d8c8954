"""How AppsFlyer's OpenDSR API answers, as far as it is documented: pure functions.

Source: AppsFlyer, OpenAPI of the OpenDSR API (schemas Request, CreateResponse, Status, APIErrorWrapper, and the list of
`af_gdpr_code`). Where it is silent, the choice is said beside the rule.
"""

import base64
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from connectors.appsflyer.sandbox.checks import UNAUTHORIZED, KnownToSandbox

MESSAGES: Final[Mapping[str, str]] = {
    "e211": "Unable to cancel request with invalid status",
    "e212": "Request not permitted",
    "e213": "Request already exists",
    "e214": "Request not found",
    "e215": "One or more subject-identities already exist in an open request",
    "e311": "Invalid request content type",
    "e313": "Invalid subject_request_id",
    "e314": "Invalid submitted_time format",
    "e317": "Invalid app_id format",
    "e318": "Invalid identity_type",
    "e319": "Application platform does not match identity types",
    "e321": "LAT users are not supported via API",
    "e322": "Invalid subject_request_type",
    "e323": "Invalid subject_identities format",
    "e324": "Invalid subject_identities length",
    "e325": "Invalid subject_identities value",
    "e326": "Invalid JSON format in request body",
    "e411": "AppID is incorrect or does not belong to your account",
    "e414": "Too many requests in batch",
    "e511": "Internal problem. Wait 60 mins and try again",
}
"""AppsFlyer's codes that this stand-in gives, or that a fault plan may name as a text."""

PENDING_SECONDS: Final = 60.0
IN_PROGRESS_SECONDS: Final = 120.0
"""How long after its arrival a request is pending, and then in progress. AppsFlyer itself takes days."""
_EXPECTED_SECONDS: Final = 10 * 86_400
_TYPES: Final = ("access", "portability", "rectification", "erasure")
_PLATFORMS: Final = {
    "ios_advertising_id": "ios",
    "idfv": "ios",
    "android_advertising_id": "android",
    "fire_advertising_id": "android",
    "microsoft_advertising_id": "windows",
    "appsflyer_id": None,
    "customer_user_id": None,
}
"""Identity type → the platform that the app must be of."""
_ZEROS: Final = re.compile(r"[0-]+")
"""What a device gives as advertising id whose user limits ad tracking (LAT)."""
_IOS_APP_ID: Final = re.compile(r"id[0-9]+")
_APP_ID: Final = re.compile(r"id[0-9]+|[A-Za-z0-9_-]+(\.[A-Za-z0-9_ -]+)+")
_UUID_VERSION: Final = 4


class DsrReply(NamedTuple):
    """What is answered: a JSON object, or a text."""

    status: int
    content: dict[str, Any] | str


class DsrRequest(NamedTuple):
    """A request that was taken."""

    id: str
    type: str
    app_id: str
    identities: tuple[tuple[str, str], ...]
    """(type, value)"""
    received_at: float
    """Seconds since the epoch."""
    is_canceled: bool = False

    def status(self, now: float) -> str:
        """Return how far it is."""
        if self.is_canceled:
            return "canceled"
        age_seconds = now - self.received_at
        if age_seconds < PENDING_SECONDS:
            return "pending"
        return "in-progress" if age_seconds < IN_PROGRESS_SECONDS else "completed"

    def is_open(self, now: float) -> bool:
        """Whether nothing else may be asked for its identities."""
        return self.status(now) in ("pending", "in-progress")

    @property
    def expected_time(self) -> str:
        """When it is to be done."""
        return _rfc_3339(self.received_at + _EXPECTED_SECONDS)


def error(code: str, status: int = 400) -> DsrReply:
    """Return AppsFlyer's answer with one of its codes; a problem of the server is a 500."""
    status = 500 if code == "e511" else status
    return DsrReply(status, {"error": {"code": status, "message": MESSAGES[code], "af_gdpr_code": code}})


def why_unauthorized(headers: Mapping[str, str], rules: KnownToSandbox) -> DsrReply | None:
    """Return the refusal of a token; None where it is right."""
    # No answer to a wrong token is documented but a 400 without a code; 401 is what RFC 6750 has for it.
    scheme, _, token = headers.get("authorization", "").partition(" ")
    is_right = scheme.lower() == "bearer" and token and (not rules.keys or token in rules.keys)
    return None if is_right else DsrReply(401, UNAUTHORIZED)


def create(
    headers: Mapping[str, str], body: bytes, known: Collection[DsrRequest], *, now: float, rules: KnownToSandbox
) -> tuple[DsrReply, DsrRequest | None]:
    """Answer a new request: with what is noted of it, or with the first thing that is wrong. Raises nothing."""
    if not headers.get("content-type", "").startswith("application/json"):
        return error("e311"), None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return error("e326"), None
    code = _wrong(content, rules) if isinstance(content, dict) else "e326"
    if code is not None:
        return error(code), None
    request = DsrRequest(
        content["subject_request_id"],
        content["subject_request_type"],
        content["property_id"],
        tuple((each["identity_type"], each["identity_value"]) for each in content["subject_identities"]),
        now,
    )
    if any(each.id == request.id for each in known):
        return error("e213"), None
    if any(_shares_identity(request, each) for each in known if each.is_open(now)):
        return error("e215"), None
    created = {
        "subject_request_id": request.id,
        "expected_completion_time": request.expected_time,
        "received_time": _rfc_3339(now),
        "encoded_request": base64.b64encode(body).decode(),
    }
    return DsrReply(201, created), request


def status_of(request: DsrRequest, now: float) -> DsrReply:
    """Answer the question for the status of a request."""
    return DsrReply(
        200,
        {
            "subject_request_id": request.id,
            "controller_id": "sandbox",
            "expected_completion_time": request.expected_time,
            "request_status": request.status(now),
        },
    )


def _shares_identity(one: DsrRequest, other: DsrRequest) -> bool:
    # Whether an identity at another app is another one is not documented; here it is, for it is another request.
    return one.app_id == other.app_id and not set(one.identities).isdisjoint(other.identities)


def _wrong(content: dict[str, Any], rules: KnownToSandbox) -> str | None:
    """Return the code of the first thing that is wrong with a request."""
    app_id = content.get("property_id")
    if not _is_uuid_4(content.get("subject_request_id")):
        return "e313"
    if content.get("subject_request_type") not in _TYPES:
        return "e322"
    if not _is_time(content.get("submitted_time")):
        return "e314"
    if not isinstance(app_id, str) or not _APP_ID.fullmatch(app_id):
        return "e317"
    if rules.app_ids and app_id not in rules.app_ids:
        return "e411"
    return _wrong_identities(content.get("subject_identities"), "ios" if _IOS_APP_ID.fullmatch(app_id) else "android")


def _wrong_identities(identities: Any, platform: str) -> str | None:
    if not isinstance(identities, list) or not all(isinstance(each, dict) for each in identities):
        return "e323"
    if not identities:
        return "e324"
    return next((code for each in identities if (code := _wrong_identity(each, platform)) is not None), None)


def _wrong_identity(identity: dict[str, Any], platform: str) -> str | None:
    kind, value = identity.get("identity_type"), identity.get("identity_value")
    if not isinstance(kind, str) or kind not in _PLATFORMS:
        return "e318"
    if identity.get("identity_format") != "raw":
        return "e323"
    if not isinstance(value, str) or not value.strip():
        return "e325"
    if _PLATFORMS[kind] not in (None, platform):
        return "e319"
    return "e321" if kind.endswith("advertising_id") and _ZEROS.fullmatch(value) else None


def _is_uuid_4(value: Any) -> bool:
    try:
        return isinstance(value, str) and UUID(value).version == _UUID_VERSION
    except ValueError:
        return False


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _rfc_3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
