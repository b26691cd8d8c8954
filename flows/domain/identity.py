"""An identity: whose event it is, and how its dead letters remember it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flows.domain.event import PLATFORMS, Platform
from flows.domain.exact_json import dumps, loads
from flows.domain.identifiers import CANONICAL, Value
from flows.domain.kept_properties import NO_PROPERTIES
from flows.domain.profile import APP_VERSION, OS_VERSION


class Identity(NamedTuple):
    """Whose event it is: the platform, and the device's identifiers and versions."""

    platform: Platform
    values: Mapping[str, Value]
    malformed: tuple[str, ...] = ()
    zeroed: tuple[str, ...] = ()
    properties: Mapping[str, Any] = NO_PROPERTIES
    """The user's kept properties that stood behind the event."""


def as_text(identity: Identity) -> str:
    """Return an identity as compact JSON, `{"platform": …, "values": {…}}`, for its dead letters to keep.

    Where properties stood behind the event, `"properties": {…}` follows.
    """
    known: dict[str, Any] = {"platform": identity.platform, "values": identity.values}
    if identity.properties:
        known["properties"] = dict(identity.properties)
    return dumps(known).decode()


def from_text(text: str) -> Identity | None:
    """Return an identity that `as_text` wrote; None for any other text, and without the values that are none."""
    try:
        stored = loads(text.encode())
        platform, values, properties = stored["platform"], stored["values"], stored.get("properties")
        if platform not in PLATFORMS:
            return None
        read = {str(name): tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    known = {name: value for name, value in read.items() if _is_value(name, value)}
    return Identity(platform, known, (), (), properties if isinstance(properties, dict) else NO_PROPERTIES)


def _is_value(name: str, value: Any) -> bool:
    if name in (OS_VERSION, APP_VERSION):
        return isinstance(value, str)
    canonical = CANONICAL.get(name)
    if canonical is None or value is None:
        return False
    if isinstance(value, tuple):
        value = dict(zip(("scope", "id"), value, strict=False))
        return canonical(value) == tuple(value.values())
    return bool(canonical(value) == value)
