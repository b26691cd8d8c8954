"""Revenue: Amplitude's price, quantity, revenue → AppsFlyer's `af_revenue`, `af_price`, `af_quantity`, `af_content_id`.

Sources: Amplitude, HTTP V2 API (price times quantity wins over `revenue`; quantity is 1 if absent; a refund is
negative) and «Track revenue» (`$revenue`, `$price`, `$quantity`, `$productId`, `$currency`); AppsFlyer, «In-app events»
(digits with an optional point and minus, at most five decimals).
"""

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final, NamedTuple

from flows.steps.event import Event

_DECIMAL: Final = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_CURRENCY: Final = re.compile(r"[A-Za-z0-9]{1,8}")
"""Three letters, but that is for AppsFlyer to judge: whole sentences, however, would only take the body's space."""
_FIVE_PLACES: Final = Decimal("0.00001")
_LARGEST_EXPONENT: Final = 30
_PRECISION: Final = 100

REVENUE_NAMES: Final = ("$revenue", "$price", "$quantity")


class Revenue(NamedTuple):
    """What an event says of money, in AppsFlyer's form."""

    parameters: dict[str, str]
    """`af_…` → value: the part of `eventValue` that is made from it."""
    consumed: frozenset[str]
    """Event properties that those stand for, and that are not repeated beside them."""
    invalid: tuple[str, ...]
    """Names of what should be a number and is none."""
    currency: str | None
    """The code that the event states, upper-case."""
    unreadable_currency: bool = False
    """It states one that looks like no code: that stays a property."""


_NO_REVENUE: Final = Revenue({}, frozenset(), (), None)
_PROPERTY_NAMES: Final = frozenset({*REVENUE_NAMES, "$productId", "$currency", "af_currency"})
_FIELD_NAMES: Final = ("price", "quantity", "revenue", "productId", "currency")


def read_number(value: Any) -> Decimal | None:
    """Return a JSON number, or decimal text, as a number; None if it is none, or beyond any sum of money."""
    if type(value) is int or type(value) is float:
        number = Decimal(str(value))
    elif isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        number = Decimal(value.strip())
    else:
        return None
    return number if number.is_finite() and (number == 0 or number.adjusted() <= _LARGEST_EXPONENT) else None


def print_number(number: Decimal) -> str:
    """Print with at most five decimals and never an exponent: `9.99`, `-5`, `0`."""
    with localcontext(prec=_PRECISION):
        text = format(number.quantize(_FIVE_PLACES, rounding=ROUND_HALF_UP), "f").rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def read_revenue(event: Event) -> Revenue:
    """Return the event's revenue: from its `$…` properties, else from the fields of an HTTP V2 upload."""
    properties, fields = event.event_properties, event.fields
    if properties.keys().isdisjoint(_PROPERTY_NAMES) and fields.keys().isdisjoint(_FIELD_NAMES):
        return _NO_REVENUE
    from_properties = any(properties.get(name) not in (None, "") for name in REVENUE_NAMES)
    prefix, place = ("$", properties) if from_properties else ("", fields)
    stated = {name: place.get(f"{prefix}{name}") for name in ("price", "quantity", "revenue")}
    stated = {name: value for name, value in stated.items() if value not in (None, "")}
    numbers = {name: number for name, value in stated.items() if (number := read_number(value)) is not None}
    invalid = tuple(f"{prefix}{name}" for name in stated if name not in numbers)
    consumed = {f"${name}" for name in numbers} if from_properties else set()
    parameters = {f"af_{name}": print_number(numbers[name]) for name in ("price", "quantity") if name in numbers}
    total = _total(numbers, quantity_is_broken="quantity" in stated and "quantity" not in numbers)
    if total is not None:
        parameters["af_revenue"] = print_number(total)
    for name, product in (("$productId", properties.get("$productId")), ("productId", fields.get("productId"))):
        if isinstance(product, str | int | float) and not isinstance(product, bool) and product != "":
            parameters["af_content_id"] = str(product)
            consumed.add(name)
            break
    unreadable = False
    for name, currency in (
        ("$currency", properties.get("$currency")),
        ("currency", fields.get("currency")),
        ("af_currency", properties.get("af_currency")),
    ):
        if isinstance(currency, str) and _CURRENCY.fullmatch(currency.strip()):
            consumed |= {name} & {"$currency"}
            return Revenue(parameters, frozenset(consumed - {"productId"}), invalid, currency.strip().upper())
        unreadable |= currency not in (None, "")
    return Revenue(parameters, frozenset(consumed - {"productId"}), invalid, None, unreadable)


def _total(numbers: dict[str, Decimal], *, quantity_is_broken: bool) -> Decimal | None:
    price, quantity, revenue = numbers.get("price"), numbers.get("quantity"), numbers.get("revenue")
    if price is not None and not quantity_is_broken and (quantity is not None or revenue is None):
        with localcontext(prec=_PRECISION):
            return price * (quantity if quantity is not None else 1)
    return revenue
