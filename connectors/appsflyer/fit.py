"""Fit: the body within AppsFlyer's size limit (1 KB), by leaving out properties in a fixed order.

Source of the limit: AppsFlyer, OpenAPI of the S2S events API («up to 1 KB»), taken as 1,024 bytes of the serialised
body.
"""

from typing import NamedTuple

from connectors.appsflyer.properties import EventProperties
from flows.domain.event import JsonObject
from flows.domain.exact_json import dumps


class Fitted(NamedTuple):
    """A body that fits."""

    body: bytes
    trimmed: tuple[str, ...]
    """Names of the properties that were left out, first gone first."""


def serialise(envelope: JsonObject, values: JsonObject) -> bytes:
    """Return the body: the envelope with `eventValue`, which is JSON text, or empty where there is no property."""
    envelope["eventValue"] = dumps(values).decode() if values else ""
    return dumps(envelope)


def fit(envelope: JsonObject, properties: EventProperties, max_body_bytes: int) -> Fitted | None:
    """Return the body with as many properties as fit, or None if it is too large even without any.

    User properties go first, then group, then event; within each the longest first, of the same length the last by
    name; `af_…` go last, and `af_revenue` last of all.
    """
    body = serialise(envelope, properties.values)
    if len(body) <= max_body_bytes:
        return Fitted(body, ())
    ranks = properties.ranks()
    lengths = {name: _length(name, value) for name, value in properties.values.items()}
    order = sorted(lengths, key=lambda name: (-ranks[name], lengths[name], name), reverse=True)
    kept = dict(properties.values)
    trimmed: list[str] = []
    excess = len(body) - max_body_bytes
    for name in order:
        del kept[name]
        trimmed.append(name)
        excess -= lengths[name]
        if excess <= 0 or not kept:
            body = serialise(envelope, kept)
            excess = len(body) - max_body_bytes
            if excess <= 0:
                return Fitted(body, tuple(trimmed))
    return None


def _length(name: str, value: object) -> int:
    """Return how many bytes a property takes in the body, where it stands as JSON in JSON, with its comma."""
    return len(dumps(dumps({name: value}).decode())) - len('"{}"') + len(",")
