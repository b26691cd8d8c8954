"""What a sync reads from paths of its own in place of a built-in rule: money, content, the user's id, address, bundle.

Sources: Amplitude, «AppsFlyer» event streaming, «Map properties to destination», and its table of supported properties
(AF Revenue, AF Currency and Event Currency, AF Content ID and Type, Customer User ID, IP Address); AppsFlyer, OpenAPI
of the S2S events API, and «In-app events» (`af_order_id`, `af_quantity`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from connectors.appsflyer.currency import is_empty, read_code, read_iso_code
from connectors.appsflyer.revenue import Revenue, print_number, read_number, read_revenue
from flows.domain.event import Event, JsonObject
from flows.domain.normalize import NO_IDS, digits_of
from flows.domain.paths import compile_path, split_path

_BUNDLE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_LONGEST_NUMBER: Final = 100
_UNREADABLE: Final = "?"
"""Stands for a quantity that is none: price times quantity is then not known."""

USER_ID: Final = "customer_user_id"
IP: Final = "ip"
BUNDLE_ID: Final = "bundle_id"
READ_ALONE: Final = frozenset({USER_ID, IP})
"""Where their paths hold nothing, nothing is sent: another id or address would be somebody else's."""
_STANDS_FOR: Final[Mapping[str, tuple[str, str]]] = {
    "revenue": ("af_revenue", "$revenue"),
    "currency": ("", "$currency"),
    "quantity": ("af_quantity", "$quantity"),
    "content_id": ("af_content_id", "$productId"),
    "content_type": ("af_content_type", ""),
    "order_id": ("af_order_id", ""),
}
"""Of money and content: the parameter, and the property of Amplitude's SDKs that it takes the place of."""


def is_nothing(value: Any) -> bool:
    """Return whether what a path leads to counts as absent."""
    return value is None or value == [] or is_empty(value)


def _single(value: Any) -> Any:
    """Return the member of a list of one, as Amplitude writes a user's groups."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _amount(value: Any) -> str | None:
    value = _single(value)
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return None
    number = read_number(value)
    return None if number is None else print_number(number)


def _text(value: Any) -> str | None:
    value = _single(value)
    if isinstance(value, str):
        return value.strip() or None
    return digits_of(value)


def _texts(value: Any) -> str | list[str] | None:
    if not isinstance(value, list) or len(value) == 1:
        return _text(value)
    texts = [text for each in value if (text := _text(each)) is not None]
    return texts if texts and len(texts) == len(value) else None


def _user_id(value: Any) -> str | None:
    text = _text(value)
    return None if text is None or text.lower() in NO_IDS else text


def _address(value: Any) -> str | None:
    value = _single(value)
    return value if isinstance(value, str) else None


def _bundle_id(value: Any) -> str | None:
    text = _single(value)
    text = text.strip() if isinstance(text, str) else ""
    return text if _BUNDLE_ID.fullmatch(text) else None


def _currency(value: Any) -> str | None:
    return read_code(_single(value))


IN_PLACE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "revenue": _amount,
    "currency": _currency,
    "quantity": _amount,
    "content_id": _texts,
    "content_type": _text,
    "order_id": _text,
    USER_ID: _user_id,
    IP: _address,
    BUNDLE_ID: _bundle_id,
}
"""What a sync may map in `[sync.fields]` in place of a rule, and how it gets its form; None is what is unusable."""

_MONEY: Final = tuple(_STANDS_FOR)


ReadRevenue = Callable[[Event, JsonObject, Sequence[str]], Revenue]
"""(event, what the sync's paths hold, names of what is unusable there) → its revenue"""


def compile_revenue(mapping: Sequence[tuple[str, Sequence[str]]]) -> ReadRevenue | None:
    """Return how an event's revenue is read where any of these fields concerns it, else None."""
    paths = dict(mapping)
    if all(name not in _MONEY for name in paths):
        return None
    places = [_RevenuePath(path) for path in paths.get("revenue", ())]

    def read(event: Event, mapped: JsonObject, invalid: Sequence[str]) -> Revenue:
        as_stated = event
        code: str | None = None
        if "quantity" in mapped or "quantity" in invalid:
            as_stated = _with_quantity(event, mapped.get("quantity", _UNREADABLE))
        if "revenue" in mapped:
            place = next(each for each in places if not is_nothing(each.get(event)))
            if place.get_currency is not None and "currency" not in invalid:
                code = read_iso_code(place.get_currency(event))
            if place.is_property:
                properties = {**as_stated.event_properties, "$revenue": mapped["revenue"]}
                as_stated = as_stated._replace(event_properties=properties)
        found = _in_place(read_revenue(as_stated), mapped, invalid)
        return found if code is None or "currency" in mapped else _beside(found, code)

    return read


class _RevenuePath:
    """Where a revenue is read from, and the currency that stands in the same object within the event's properties."""

    def __init__(self, path: str) -> None:
        container, name = split_path(path)
        self.get = compile_path(path)
        self.is_property = container == "event_properties"
        around, dot, _ = name.rpartition(".")
        self.get_currency = compile_path(f"{container}.{around}.currency") if self.is_property and dot else None


def _beside(found: Revenue, code: str) -> Revenue:
    """Return the revenue in the currency that stands beside it; another that is stated stays, and may be meant."""
    if found.currency in (None, code):
        return found._replace(currency=code, unreadable_currency=False, rival_currencies=())
    return found._replace(currency=code, consumed=found.consumed - {"$currency"}, rival_currencies=("$currency",))


def _in_place(found: Revenue, mapped: JsonObject, invalid: Sequence[str]) -> Revenue:
    """Return the revenue with what is mapped, which counts first; for what is unusable nothing stands in."""
    parameters = dict(found.parameters)  # the original is remembered
    consumed = set(found.consumed)
    numbers = list(found.invalid)
    for name, (parameter, property_) in _STANDS_FOR.items():
        if name in mapped:
            if property_:
                consumed.add(property_)
            if parameter and name != "quantity":  # that was read with the amounts, and counts as they have it
                parameters[parameter] = mapped[name]
        elif name in invalid:
            consumed.discard(property_)
            parameters.pop(parameter, None)
        else:
            continue
        numbers = [each for each in numbers if each not in (property_, name)]
    has_currency = "currency" in mapped or "currency" in invalid
    return Revenue(
        parameters,
        frozenset(consumed),
        tuple(numbers),
        mapped.get("currency") if has_currency else found.currency,
        not has_currency and found.unreadable_currency,
        () if has_currency else found.rival_currencies,
        frozenset(parameter for name, (parameter, _) in _STANDS_FOR.items() if name in mapped),
    )


def _with_quantity(event: Event, quantity: str) -> Event:
    """Return the event with this quantity beside its amounts, be they the upload's own or properties."""
    properties, fields = event.event_properties, event.fields
    is_of_upload = all(properties.get(name) is None for name in ("$price", "$revenue")) and any(
        fields.get(name) is not None for name in ("price", "revenue")
    )
    if is_of_upload:
        return event._replace(
            event_properties={**properties, "$quantity": None}, fields={**fields, "quantity": quantity}
        )
    return event._replace(event_properties={**properties, "$quantity": quantity})
