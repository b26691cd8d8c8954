"""The Identify API: user properties without an event become the `$identify` event that the SDKs send for them.

Source: Amplitude, Identify API and Group Identify API.
"""

from typing import Any

import orjson

from connectors.collector.upload import RefusalReason, UnreadableUploadError
from flows.domain.exact_json import loads
from flows.domain.wrapping import IDENTIFY


def identify_events(identification: Any) -> list[Any]:
    """Return the events of an `identification`: an object, an array of them, or JSON text of either.

    A group's own properties belong to no user, so nothing becomes of them. Raises UnreadableUploadError.
    """
    if type(identification) is str:
        try:
            identification = loads(identification.encode())
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            raise UnreadableUploadError(RefusalReason.UNREADABLE, "invalid_event") from None
    members = identification if type(identification) is list else [identification]
    return [
        {**member, "event_type": IDENTIFY} if type(member) is dict else member
        for member in members
        if type(member) is not dict or "group_type" not in member
    ]
