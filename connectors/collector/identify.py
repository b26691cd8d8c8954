"""The Identify API: user properties without an event become the `$identify` event that the SDKs send for them.

Source: Amplitude, Identify API and Group Identify API.
"""

from typing import Any

from connectors.collector.lenient_json import parse
from connectors.collector.upload import UnreadableUploadError
from flows.domain.wrapping import IDENTIFY


def identify_events(identification: Any) -> list[Any]:
    """Return the events of an `identification`: an object, an array of them, or JSON text of either.

    A group's own properties belong to no user, so nothing becomes of them. Raises UnreadableUploadError.
    """
    if type(identification) is str:
        try:
            identification = parse(identification.encode())
        except UnreadableUploadError as problem:
            raise UnreadableUploadError(problem.reason, "invalid_event") from None
    members = identification if type(identification) is list else [identification]
    return [
        {**member, "event_type": IDENTIFY} if type(member) is dict else member
        for member in members
        if type(member) is not dict or "group_type" not in member
    ]
