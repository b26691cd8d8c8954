"""The protocol: one request of Amplitude's clients → the events to store, and what to answer. Pure, and total.

What a body is, is told by what is in it: clients post to paths of people's own, and a browser's beacon says of JSON
that it is plain text. Sources: Amplitude, HTTP V2 API, Batch Event Upload API, Identify API, HTTP API v1, «Webhooks»;
the SDKs.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from connectors.collector import answers
from connectors.collector.answers import MAX_EVENTS, Answer
from connectors.collector.form import read_form
from connectors.collector.json_body import read_json
from connectors.collector.normal import KEPT_BYTES, InvalidEvent, InvalidReason, normal
from connectors.collector.unpack import MOST_BODY_BYTES, unpack
from connectors.collector.upload import Dialect, RefusalReason, UnreadableUploadError, Upload
from connectors.collector.webhook import PATH as WEBHOOK_PATH
from connectors.collector.webhook import is_known, webhook_events
from connectors.event_writer import TakenEvent
from flows.domain.decode import Refused as RefusedEvent
from flows.domain.decode import decode
from flows.domain.event import Record

__all__ = [
    "MOST_BODY_BYTES", "Answer", "InvalidReason", "RefusalReason", "Refused", "Request", "Rules", "Taken",
    "path_name", "take",
]  # fmt: skip

_JSON_PATHS: Final = frozenset({"/2/httpapi", "/batch"})
_FORM_PATHS: Final = frozenset({"/httpapi", "/identify", "/groupidentify"})
_PATHS: Final = _JSON_PATHS | _FORM_PATHS | {"/"}
_SHORTEST_MASKED: Final = 16
"""A key of fewer characters would be half shown."""
_JSON_BEGINS: Final = (b"{", b"[", b'"')


class Request(NamedTuple):
    """One HTTP request that was read whole."""

    method: str
    path: str
    query: str
    """Without the question mark."""
    body: bytes
    client_address: str | None
    """The user's, behind proxies that are trusted."""
    received_ms: int
    headers: tuple[tuple[str, str], ...] = ()
    """Those that go on to Amplitude; none where no copy does."""


class Rules(NamedTuple):
    """Whose events are taken, and how."""

    api_keys: frozenset[str] = frozenset()
    webhook_tokens: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    """Further ones that take what /2/httpapi takes, without a slash at the end."""
    strict: bool = False
    """Refuse a JSON upload with an invalid event as a whole."""
    anybody: bool = True
    """Without API keys, everybody's uploads are taken; else nobody's, and webhooks alone are."""


class Taken(NamedTuple):
    """The events of a request: one answer once they are stored, another where they cannot be."""

    events: list[TakenEvent]
    """One for each of the body's, in its order. Empty where it holds nothing to store."""
    stored: Answer
    invalid: Mapping[InvalidReason, int]
    """How many of them the stream will refuse."""
    path_at_amplitude: str | None = None
    """Where Amplitude takes such a body; None for what has come from Amplitude."""

    @property
    def libraries(self) -> Mapping[str, int]:
        """How many of them each library has made; those of no known one are under the empty name."""
        return Counter([event.library for event in self.events])

    @property
    def busy(self) -> Answer:
        """The answer that makes the client hold all events back for half a minute."""
        users: Counter[str] = Counter()
        devices: Counter[str] = Counter()
        for event in self.events:
            if event.key is not None and (value := _object(event.value)) is not None:
                user_id = value.get("user_id")
                key = event.key.decode()
                (users if str(user_id) == key else devices)[key] += 1
        return answers.busy(len(self.events), users, devices)


class Refused(NamedTuple):
    """A request of which nothing is taken."""

    answer: Answer
    why: RefusalReason
    raw: TakenEvent | None = None
    """What is kept of it, which the stream refuses with its reason; None where nothing is."""
    api_key: str = ""
    """The unknown one: its first and last characters."""


def path_name(path: str, rules: Rules) -> str:
    """Return the path as metrics name it: a known one, `/webhook` without its token, or `other`."""
    bare = path.rstrip("/") or "/"
    if bare in _PATHS or bare in rules.paths:
        return bare
    return "/webhook" if path.startswith(WEBHOOK_PATH) else "other"


def take(request: Request, rules: Rules) -> Taken | Refused:
    """Return what becomes of a request. Never raises, whatever its bytes are."""
    path = request.path.rstrip("/") or "/"
    is_webhook = request.method == "POST" and path.startswith(WEBHOOK_PATH)
    if is_webhook and not _has_token(request.path, rules):
        return Refused(answers.wrong_token(), RefusalReason.WRONG_TOKEN)
    if request.method != "POST" and (request.method != "GET" or path not in _FORM_PATHS):
        return Refused(answers.unknown_path(), RefusalReason.UNKNOWN_PATH)
    body = request.body
    try:
        body = unpack(body)
        if is_webhook:
            upload = Upload(webhook_events(body), None, is_from_device=False)
            rules = rules._replace(api_keys=frozenset(), strict=False, anybody=True)
        elif (begin := body.lstrip()[:1]) in _JSON_BEGINS:
            upload = read_json(body)
        else:
            upload = read_form(body if begin else request.query.encode("utf-8", "surrogateescape"))
    except UnreadableUploadError as problem:
        is_path = path in _PATHS or path in rules.paths or is_webhook
        if not is_path and problem.reason in (RefusalReason.UNREADABLE, RefusalReason.NO_EVENTS):
            return Refused(answers.unknown_path(), RefusalReason.UNKNOWN_PATH)
        return _refused(request, body, problem)
    return _take_upload(request, upload, len(body), rules)


def _has_token(path: str, rules: Rules) -> bool:
    """Return whether a webhook's path has a known token. Slashes at the end of either are nothing: base64 has some."""
    given = unquote(path.removeprefix(WEBHOOK_PATH)).rstrip("/")
    return is_known(given, [each.rstrip("/") for each in rules.webhook_tokens])


def _object(value: bytes) -> Any:
    """Return the event of a stored value; None where only its beginning is stored."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _take_upload(request: Request, upload: Upload, payload_bytes: int, rules: Rules) -> Taken | Refused:
    if not (upload.api_key in rules.api_keys if rules.api_keys else rules.anybody):
        return _unknown_api_key(upload)
    if len(upload.events) > MAX_EVENTS:
        return Refused(answers.too_large(len(upload.events)), RefusalReason.TOO_LARGE)
    shaped = normal(upload, request.received_ms, request.client_address)
    if rules.strict and upload.dialect is Dialect.JSON:
        short_ids = _short_ids(upload)
        if shaped.invalid or short_ids:
            return Refused(_invalid(shaped.invalid, short_ids), RefusalReason.INVALID_EVENTS)
    if upload.dialect is Dialect.JSON:
        stored = answers.stored(len(shaped.events), payload_bytes, request.received_ms)
    else:
        stored = answers.SUCCESS
    invalid = Counter([each.reason for each in shaped.invalid]) if shaped.invalid else {}
    return Taken(shaped.events, stored, invalid, _path_at_amplitude(request.path, upload))


def _path_at_amplitude(given: str, upload: Upload) -> str | None:
    """Return the path itself where Amplitude knows it; a path of one's own stands for the body's usual one."""
    if not upload.is_from_device:
        return None
    path = given.rstrip("/") or "/"
    if upload.dialect is Dialect.SDK_FORM:
        return "/"
    if upload.dialect is Dialect.TEXT:
        return path if path in _FORM_PATHS else "/httpapi"
    return path if path in _JSON_PATHS or path in _FORM_PATHS else "/2/httpapi"


def _unknown_api_key(upload: Upload) -> Refused:
    key = upload.api_key
    if upload.dialect is not Dialect.JSON:
        answer = answers.text(400, "invalid_api_key")
    elif key is None:
        answer = answers.missing_events(
            "Request missing required field", field="api_key", events=min(len(upload.events), MAX_EVENTS)
        )
    else:
        answer = answers.unknown_api_key(key, min(len(upload.events), MAX_EVENTS))
    return Refused(answer, RefusalReason.UNKNOWN_API_KEY, api_key=_masked(key or ""))


def _masked(key: str) -> str:
    """Return the first and last characters of a key, which tell its owner which one it is."""
    return f"{key[:4]}…{key[-4:]}" if len(key) >= _SHORTEST_MASKED else "…" if key else ""


def _short_ids(upload: Upload) -> dict[str, list[int]]:
    """Return the events whose ids Amplitude finds too short. The stream takes such ids."""
    short: dict[str, list[int]] = {}
    for place, event in enumerate(upload.events):
        for name in ("user_id", "device_id") if type(event) is dict else ():
            value = event.get(name)
            if type(value) is str and 0 < len(value) < upload.min_id_length:
                short.setdefault(name, []).append(place)
    return short


def _invalid(invalid: list[InvalidEvent], short_ids: dict[str, list[int]]) -> Answer:
    missing: dict[str, list[int]] = {}
    wrong: dict[str, list[int]] = {}
    for event in invalid:
        (missing if event.is_missing else wrong).setdefault(event.field or "event", []).append(event.place)
    return answers.invalid_events(missing, wrong, short_ids)


def _refused(request: Request, body: bytes, problem: UnreadableUploadError) -> Refused:
    if problem.reason is RefusalReason.TOO_LARGE:
        return Refused(answers.too_large(), problem.reason)
    if problem.reason is RefusalReason.BAD_CHECKSUM:  # the client will send it again, as it was meant
        return Refused(answers.text(400, problem.words), problem.reason)
    refused = _unread(request, body, problem.reason)
    return refused._replace(answer=answers.text(400, problem.words)) if problem.words else refused


def _unread(request: Request, body: bytes, why: RefusalReason) -> Refused:
    if not body.strip():
        return Refused(answers.no_body(), why)
    answer = answers.unread() if why is RefusalReason.UNREADABLE else answers.no_events()
    return Refused(answer, why, _kept(request, body[:KEPT_BYTES]))


def _kept(request: Request, value: bytes) -> TakenEvent | None:
    """Return what is kept; nothing where the stream would read an event in it, for nobody's key vouches for that."""
    read = decode(Record(value, None, "", 0, 0, request.received_ms))
    if not read or any(type(each) is not RefusedEvent for each in read):
        return None
    return TakenEvent(value, None, request.received_ms, "")
