"""Paths into an event, as the settings write them: `user_properties.NAME`, or a field of the event itself."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from flows.domain.event import Event, JsonObject

CONTAINERS: Final = ("event_properties", "user_properties", "group_properties", "groups")


def split_path(path: str) -> tuple[str | None, str]:
    """Split into container and name; the container of a field of the event itself is None."""
    container, dot, name = path.partition(".")
    return (container, name) if dot and container in CONTAINERS else (None, path)


def lookup(place: Mapping[str, Any], name: str) -> Any:
    """Return the value under a name; a name with dots is tried as it stands, then as a way through nested objects.

    The names on that way may have dots, too: in `{"cart": {"total.eur": 5}}`, `cart.total.eur` is 5.
    """
    value = place.get(name)
    end = name.find(".") if value is None else -1
    while end >= 0:
        inner = place.get(name[:end])
        if isinstance(inner, dict):
            value = lookup(inner, name[end + 1 :])
            if value is not None:
                return value
        end = name.find(".", end + 1)
    return value


def container_of(container: str | None) -> Callable[[Event], JsonObject]:
    """Return how to get from an event to what a path's name is looked up in."""
    return attrgetter(container or "fields")


def compile_path(path: str) -> Callable[[Event], Any]:
    """Return a function from an event to the value at the path, or None."""
    container, name = split_path(path)
    place = container_of(container)
    if "." in name:
        return lambda event: lookup(place(event), name)
    return lambda event: place(event).get(name)
