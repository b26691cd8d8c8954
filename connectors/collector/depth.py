"""Depth: JSON that is nested too deep to be written again, cut to what can be, and is still too deep for the stream."""

from typing import Any, Final

from flows.domain.exact_json import MAX_DEPTH, dumps

_KEPT_LEVELS: Final = MAX_DEPTH + 1


def write(value: Any) -> bytes:
    """Return a value as JSON text; what is nested hundreds of levels deep is cut."""
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError):
        return dumps(cut(value))


def cut(value: Any, levels: int = _KEPT_LEVELS) -> Any:
    """Return JSON with null in place of what is deeper than so many levels."""
    if type(value) is dict:
        return {name: cut(each, levels - 1) for name, each in value.items()} if levels else None
    if type(value) is list:
        return [cut(each, levels - 1) for each in value] if levels else None
    return value
