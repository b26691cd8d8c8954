"""How AppsFlyer answers one request, as far as it is documented: a pure function.

Source, where none is named: AppsFlyer, OpenAPI of the S2S events API (api3). Where it is silent, or names two answers
for one mistake, the choice is said beside the rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from connectors.appsflyer.sandbox.fields import BARE_IOS_APP_ID, notes_on_fields, notes_on_revenue, read_event_value
from connectors.appsflyer.sandbox.notes import Note

EVENTS_PATH: Final = "/inappevent/"

OK: Final = "ok"
FAILED_TO_AUTHENTICATE: Final = "Failed to Authenticate"
UNAUTHORIZED: Final = "Unauthorized"
WRONG_APP_ID: Final = "app_id does not match the authentication key or is wrong"
"""AppsFlyer does not print this answer's words, only that they are about `app_id`."""
NO_APPSFLYER_ID: Final = "appsflyer_id is a mandatory field"
BAD_REQUEST: Final = "Bad request"
UNPARSABLE: Final = "Payload is missing or failed to parse"


@dataclass(frozen=True, slots=True)
class KnownToSandbox:
    """What this AppsFlyer knows."""

    keys: frozenset[str] = frozenset()
    """Empty: every key is right."""
    app_ids: frozenset[str] = frozenset()
    """Empty: every app is known."""
    max_body_bytes: int = 1024
    """AppsFlyer's limit is «up to 1 KB»; what happens above it is undocumented. 0 is no limit."""


class CheckedAnswer(NamedTuple):
    """What AppsFlyer answers, and what the sandbox has read on the way."""

    status: int
    text: str
    recorded: bool
    """Whether the event would show up in AppsFlyer; a 200 does not say so."""
    notes: tuple[Note, ...] = ()
    app_id: str | None = None
    event: dict[str, Any] | None = None
    """The body, if it is a JSON object."""
    event_value: dict[str, Any] | None = None
    """What `eventValue` holds, if it is a JSON object as text; {} for an empty one."""


def check(
    method: str, path: str, headers: Mapping[str, str], body: bytes, *, now: float, rules: KnownToSandbox
) -> CheckedAnswer:
    """Answer one request.

    `path` is percent-encoded, as it came; `headers` must find names in lower case; `now` is in seconds since the epoch.
    Raises nothing, whatever the request.
    """
    app_id = app_id_of(path)
    if app_id is None:
        return CheckedAnswer(404, "Not Found", recorded=False, notes=(Note.NO_SUCH_PATH,))
    if method != "POST":
        return CheckedAnswer(405, "Method Not Allowed", recorded=False, notes=(Note.NOT_POST,), app_id=app_id)
    payload = _parsed(body)
    refusal = _credentials(headers.get("authentication"), app_id, rules) or _payload(headers, body, payload, rules)
    if refusal is None:
        return _accepted(app_id, payload, headers, now)
    status, text, note = refusal
    event = payload if isinstance(payload, dict) else None
    return CheckedAnswer(status, text, recorded=False, notes=(note,), app_id=app_id, event=event)


def app_id_of(path: str) -> str | None:
    """Return the decoded app id of an event's path, or None if it is another path."""
    if not path.startswith(EVENTS_PATH):
        return None
    segment = path[len(EVENTS_PATH) :].partition("?")[0]
    if not segment or "/" in segment:
        return None
    return unquote(segment)


_Refusal = tuple[int, str, Note]


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _credentials(key: str | None, app_id: str, rules: KnownToSandbox) -> _Refusal | None:
    # 401 «Unauthorized» and 400 «Failed to Authenticate» both exist and no rule says which comes when. Here: 401 where
    # there is no key at all, 400 where there is a wrong one. The app comes before the key, because the 400 about
    # `app_id` speaks of an app that does not go with the key.
    if not key:
        return 401, UNAUTHORIZED, Note.NO_KEY
    if rules.app_ids and app_id not in rules.app_ids and BARE_IOS_APP_ID.fullmatch(app_id) is None:
        return 400, WRONG_APP_ID, Note.UNKNOWN_APP
    if rules.keys and key not in rules.keys:
        return 400, FAILED_TO_AUTHENTICATE, Note.WRONG_KEY
    return None


def _payload(headers: Mapping[str, str], body: bytes, payload: Any, rules: KnownToSandbox) -> _Refusal | None:
    if headers.get("content-encoding", "identity") != "identity":
        # Compression is not documented, so that a compressed body is no JSON.
        return 400, UNPARSABLE, Note.COMPRESSED_BODY
    if not isinstance(payload, dict):
        # «More than one event» gives the same text as a body that is no JSON.
        return 400, UNPARSABLE, Note.SEVERAL_EVENTS if isinstance(payload, list) else Note.NOT_JSON
    if rules.max_body_bytes and len(body) > rules.max_body_bytes:
        # Undocumented. «Bad request» is AppsFlyer's text for whatever fails a criterion.
        return 400, BAD_REQUEST, Note.BODY_TOO_LARGE
    return _mandatory_fields(payload)


def _mandatory_fields(event: Mapping[str, Any]) -> _Refusal | None:
    if event.get("appsflyer_id") in (None, ""):
        return 400, NO_APPSFLYER_ID, Note.NO_APPSFLYER_ID
    name = event.get("eventName")
    if not isinstance(name, str) or not name:
        return 400, BAD_REQUEST, Note.NO_EVENT_NAME
    if event.get("eventValue") is None:
        return 400, BAD_REQUEST, Note.NO_EVENT_VALUE
    return None


def _accepted(app_id: str, event: dict[str, Any], headers: Mapping[str, str], now: float) -> CheckedAnswer:
    notes: list[Note] = []
    # An iOS app id without its prefix: 200, and the event is not recorded.
    recorded = BARE_IOS_APP_ID.fullmatch(app_id) is None
    if not recorded:
        notes.append(Note.IOS_APP_ID_WITHOUT_PREFIX)
    event_value, malformed = read_event_value(event["eventValue"])
    if malformed is not None:
        notes.append(malformed)
    if event_value:
        notes += notes_on_revenue(event_value, event.get("eventCurrency"))
    notes += notes_on_fields(event, app_id, now)
    if not headers.get("content-type", "").startswith("application/json"):
        notes.append(Note.NOT_DECLARED_JSON)
    return CheckedAnswer(200, OK, recorded, tuple(notes), app_id, event, event_value)
