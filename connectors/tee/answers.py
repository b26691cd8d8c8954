"""What an answer of Amplitude's means for a copy: which of its events are done, and which are sent again, and when.

Sources: Amplitude, HTTP V2 API, «Response codes»; Batch Event Upload API; and what its own clients do. A 400 or a 429
says that nothing of the request was taken: the events that it does not name are sent again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from connectors.tee.counts import GivenUpReason

Part = tuple[int, ...]
"""Events of a request, by their places in it, counted from 0."""

_NAMED: Final = ("events_with_invalid_fields", "events_with_missing_fields", "events_with_invalid_id_lengths")
_WRONG_KEY: Final = (b"invalid api key", b"invalid_api_key")
_TAKEN, _BAD, _TIMEOUT, _TOO_LARGE, _THROTTLED, _FAILED = range(200, 300), 400, 408, 413, 429, 500


class Trouble(StrEnum):
    """Why the whole part is tried again later."""

    AWAY = "away"
    """There is no answer, or one that says that Amplitude itself is in trouble."""
    REFUSED = "refused"
    """An answer that is not Amplitude's, or that its own clients try again a few times."""


class Meaning(NamedTuple):
    """What becomes of the events of a part: each is in exactly one of these, or all are where `trouble` is said."""

    taken: int = 0
    given_up: Mapping[GivenUpReason, int] = {}
    now: tuple[Part, ...] = ()
    """Requests to send at once."""
    held_back: Part = ()
    """What is to be sent after half a minute."""
    trouble: Trouble | None = None


def meaning(status: int, body: bytes, part: Part, events: Sequence[Any] | None) -> Meaning:
    """Return what the answer to a part means.

    `status` is 0 where there was no answer. `events` are all of the request, as they were sent; None where its body
    cannot be divided.
    """
    if status in _TAKEN:
        return Meaning(taken=len(part))
    if status == _BAD:
        return _bad(body, part, events)
    if status == _TOO_LARGE:
        return _too_large(part, events)
    if status == _THROTTLED:
        return _throttled(_object(body), part, events)
    is_away = status in (0, _TIMEOUT) or status >= _FAILED
    return Meaning(trouble=Trouble.AWAY if is_away else Trouble.REFUSED)


def _bad(body: bytes, part: Part, events: Sequence[Any] | None) -> Meaning:
    if any(each in body.lower() for each in _WRONG_KEY):
        return _all_given_up(part, GivenUpReason.WRONG_KEY)
    said = _object(body)
    if events is None or said.get("missing_field"):
        return _all_given_up(part, GivenUpReason.INVALID)
    invalid = _places([each for name in _NAMED for each in _lists_of(said.get(name))], part)
    silenced = _places([said.get("silenced_events")], part) - invalid
    if not invalid and not silenced:
        return _all_given_up(part, GivenUpReason.INVALID)
    left = tuple(each for each in part if each not in invalid and each not in silenced)
    given_up = {GivenUpReason.INVALID: len(invalid), GivenUpReason.SILENCED: len(silenced)}
    return Meaning(given_up={why: count for why, count in given_up.items() if count}, now=(left,) if left else ())


def _too_large(part: Part, events: Sequence[Any] | None) -> Meaning:
    if events is None or len(part) == 1:
        return _all_given_up(part, GivenUpReason.TOO_LARGE)
    middle = len(part) // 2
    return Meaning(now=(part[:middle], part[middle:]))


def _throttled(said: Mapping[str, Any], part: Part, events: Sequence[Any] | None) -> Meaning:
    throttled = set() if events is None else _places([said.get("throttled_events")], part)
    if events is None or not throttled:
        return Meaning(held_back=part)
    users, devices = _names(said.get("exceeded_daily_quota_users")), _names(said.get("exceeded_daily_quota_devices"))
    over = {each for each in throttled if _is_of(events[each], users, devices)}
    left = tuple(each for each in part if each not in throttled)
    return Meaning(
        given_up={GivenUpReason.DAILY_QUOTA: len(over)} if over else {},
        now=(left,) if left else (),
        held_back=tuple(each for each in part if each in throttled and each not in over),
    )


def _all_given_up(part: Part, why: GivenUpReason) -> Meaning:
    return Meaning(given_up=Counter({why: len(part)}))


def _places(lists: Iterable[Any], part: Part) -> set[int]:
    """Return the events that lists of an answer name; an answer counts within the part that it is about."""
    named = (each for found in lists if type(found) is list for each in found)
    return {part[each] for each in named if type(each) is int and 0 <= each < len(part)}


def _lists_of(fields: Any) -> list[Any]:
    return list(fields.values()) if type(fields) is dict else []


def _names(found: Any) -> frozenset[str]:
    return frozenset(each for each in found if type(each) is str) if type(found) in (dict, list) else frozenset()


def _is_of(event: Any, users: frozenset[str], devices: frozenset[str]) -> bool:
    return type(event) is dict and (event.get("user_id") in users or event.get("device_id") in devices)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if type(found) is dict else {}
