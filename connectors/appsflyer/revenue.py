"""Revenue: Amplitude's price, quantity, revenue → AppsFlyer's `af_revenue`, `af_price`, `af_quantity`, `af_content_id`.

Sources: Amplitude, HTTP V2 API (price times quantity wins over `revenue`; quantity is 1 if absent; a refund is
negative) and «Track revenue» (`$revenue`, `$price`, `$quantity`, `$productId`, `$currency`); AppsFlyer, «In-app events»
(digits with an optional point and minus, at most five decimals).
"""

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import Any, Final, NamedTuple

from connectors.appsflyer.currency import read_currency
from flows.domain.event import Event, JsonObject

_DECIMAL: Final = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_FIVE_PLACES: Final = Decimal("0.00001")
_LARGEST_EXPONENT: Final = 30
_PRECISION: Final = 100
_LONGEST_TEXT: Final = 100
"""No number is longer, so nothing longer need be remembered."""


class Revenue(NamedTuple):
    """What an event says of money, in AppsFlyer's form."""

    parameters: JsonObject
    """`af_…` → value: the part of `eventValue` that is made from it."""
    consumed: frozenset[str]
    """Event properties that those stand for, and that are not repeated beside them."""
    invalid: tuple[str, ...]
    """Names of what should be a number and is none."""
    currency: str | None
    """The code that the event states, upper-case."""
    unreadable_currency: bool = False
    """It states one that looks like no code: that stays a property."""
    rival_currencies: tuple[str, ...] = ()
    """Where another currency is stated, which could be meant as well."""
    mapped: frozenset[str] = frozenset()
    """Those parameters that a sync's own paths give: they win over the app's own."""


_NO_REVENUE: Final = Revenue({}, frozenset(), (), None)


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
    """Return the event's revenue: each amount from its `$…` property, else from the field of an HTTP V2 upload."""
    get, get_field = event.event_properties.get, event.fields.get
    own = get("$price"), get("$quantity"), get("$revenue")
    of_upload = get_field("price"), get_field("quantity"), get_field("revenue")
    if of_upload == _ABSENT:
        money = _money_of(_PROPERTIES, own) if own != _ABSENT else _NOTHING
    elif own == _ABSENT:
        money = _money_of(_FIELDS, of_upload)
    else:
        money = _money_of_either(own, of_upload)
    parameters, consumed, invalid = money
    product = get("$productId")
    if (content_id := _content_id(product)) is not None:
        parameters = {**parameters, "af_content_id": content_id}  # the original is remembered
        consumed |= {"$productId"}
    elif (content_id := _content_id(get_field("productId"))) is not None:
        parameters = {**parameters, "af_content_id": content_id}
    currency = read_currency(event, is_of_upload=own == _ABSENT and of_upload != _ABSENT)
    if currency.is_own_read:
        consumed |= {"$currency"}
    if own != _ABSENT or product == "":
        for name in _OF_SDK:
            value = get(name)
            if type(value) is str and not value.strip():
                consumed |= {name}
    if currency.code is None and not (parameters or consumed or invalid or currency.is_unreadable or currency.rivals):
        return _NO_REVENUE
    return Revenue(parameters, consumed, invalid, currency.code, currency.is_unreadable, currency.rivals)


def _content_id(product: Any) -> str | None:
    if isinstance(product, str | int | float) and not isinstance(product, bool) and product != "":
        return str(product)
    return None


_Amount = str | int | float | None
_Money = tuple[dict[str, str], frozenset[str], tuple[str, ...]]
"""(`af_…` parameters, properties that were read as numbers, names that were there but are no numbers)"""
_NOTHING: Final[_Money] = ({}, frozenset(), ())
_Names = tuple[str, str, str]
_PROPERTIES: Final[_Names] = ("$price", "$quantity", "$revenue")
_FIELDS: Final[_Names] = ("price", "quantity", "revenue")
_ABSENT: Final = (None, None, None)
_OF_SDK: Final = (*_PROPERTIES, "$productId", "$revenueType", "$receipt", "$receiptSig")
"""Amplitude's SDK for Go sends all of them with each revenue, empty where the app has set none."""
_NO_NUMBER: Final = True
"""Stands for what is there and cannot be a number."""


def _money_of(names: _Names, stated: tuple[Any, Any, Any]) -> _Money:
    price, quantity, revenue = stated
    return _money(names, _amount(price), _amount(quantity), _amount(revenue))


def _money_of_either(own: tuple[Any, Any, Any], of_upload: tuple[Any, Any, Any]) -> _Money:
    """Return what the amounts come to, each a property or, where that is absent, the field of the same name."""
    price, quantity, revenue = [
        (field, second) if first is None or (second is not None and _is_zero(first)) else (name, first)
        for name, field, first, second in zip(
            _PROPERTIES, _FIELDS, map(_amount, own), map(_amount, of_upload), strict=True
        )
    ]
    return _money((price[0], quantity[0], revenue[0]), price[1], quantity[1], revenue[1])


def _is_zero(amount: _Amount) -> bool:
    number = read_number(amount)
    return number is not None and print_number(number) == "0"


def _amount(value: Any) -> _Amount:
    if value is None or value == "":
        return None
    if type(value) is str:
        if value.isspace():
            return None
        return value if len(value) <= _LONGEST_TEXT else _long_amount(value)
    return value if type(value) is int or type(value) is float else _NO_NUMBER


def _long_amount(text: str) -> _Amount:
    stripped = text.strip()
    return stripped if len(stripped) <= _LONGEST_TEXT else _NO_NUMBER


@lru_cache(maxsize=8192, typed=True)  # shops have few prices, and decimal arithmetic costs more than all of the mapping
def _money(names: _Names, price: _Amount, quantity: _Amount, revenue: _Amount) -> _Money:
    """Return what the amounts of these names come to."""
    stated = {"price": price, "quantity": quantity, "revenue": revenue}
    stated = {name: value for name, value in stated.items() if value is not None}
    numbers = {name: number for name, value in stated.items() if (number := read_number(value)) is not None}
    total = _total(numbers, quantity_is_broken="quantity" in stated and "quantity" not in numbers)
    parameters = {
        f"af_{name}": print_number(numbers[name])
        for name in ("price", "quantity")
        if name in numbers and (numbers[name] != 0 or not total)
    }
    if total is not None:
        parameters["af_revenue"] = print_number(total)
    name_of = dict(zip(_FIELDS, names, strict=True))
    consumed = frozenset(name for field in numbers if (name := name_of[field]) in _PROPERTIES)
    return parameters, consumed, tuple(name_of[field] for field in stated if field not in numbers)


def _total(numbers: dict[str, Decimal], *, quantity_is_broken: bool) -> Decimal | None:
    """Return price times quantity where both are known, else the revenue, else the price; a zero says less than them.

    A quantity of zero, which nobody buys, is one that was not set.
    """
    price, quantity, revenue = numbers.get("price"), numbers.get("quantity") or None, numbers.get("revenue")
    if price is None or quantity_is_broken or (quantity is None and revenue is not None and revenue != 0):
        return revenue
    with localcontext(prec=_PRECISION):
        product = price * (quantity if quantity is not None else 1)
    return revenue if revenue is not None and print_number(product) == "0" else product
