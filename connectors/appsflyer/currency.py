"""The currency that an event states for its money: which of the places that may name one is meant.

Sources: Amplitude, «Track revenue» (`$currency`) and HTTP V2 API (`currency` of an upload); AppsFlyer, predefined
parameters (`af_currency`); Segment, «Spec: V2 Ecommerce Events», whose `currency` stands beside `revenue` and `price`.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any, Final, NamedTuple

from connectors.appsflyer.currencies import CURRENCIES, NEWER
from flows.domain.event import Event

_CURRENCY: Final = re.compile(r"[A-Za-z0-9]{1,8}")
"""Three letters, but that is for AppsFlyer to judge: whole sentences, however, would only take the body's space."""
_LONGEST_TEXT: Final = 100
"""No currency is longer, so nothing longer need be remembered."""
_OWN: Final = "$currency"
_PLAIN: Final = "currency"
_SDK: Final = "af_currency"
_AMOUNTS: Final = ("$revenue", "$price", "revenue", "price", "af_revenue", "af_price")
"""What a plain `currency` in the same object is the currency of."""


class Currency(NamedTuple):
    """What an event says of its currency."""

    code: str | None
    """Upper-case; None if it states none that can be read."""
    is_unreadable: bool
    """It states one that is no code: the sync's default would contradict it."""
    rivals: tuple[str, ...]
    """Where something else is stated that could be meant as well."""
    is_own_read: bool
    """`$currency` says the same as the code, or nothing, and is not repeated as a property."""


_NO_CURRENCY: Final = Currency(None, is_unreadable=False, rivals=(), is_own_read=False)
_NONE_STATED: Final = (None, None, None, None)


def read_currency(event: Event, *, is_of_upload: bool) -> Currency:
    """Return the stated currency that is nearest to the amounts, which are the upload's fields or the properties.

    Nearest is the same object; within it the name that belongs to the amount, then a plain `currency`. A plain one
    counts only if it is an ISO code and an amount stands beside it: it may be a game's coins as well.
    """
    get = event.event_properties.get
    stated = get(_OWN), get(_PLAIN), get(_SDK), event.fields.get(_PLAIN)
    if stated == _NONE_STATED:
        return _NO_CURRENCY
    own, plain, sdk, upload = stated
    if plain is None and sdk is None and upload is None and type(own) is str and len(own) <= _LONGEST_TEXT:
        return _of_own(own)  # by far the most frequent
    is_beside = not _is_absent(plain) and any(not _is_absent(get(name)) for name in _AMOUNTS)
    of_properties = [
        (_OWN, read_code(own)),
        (_PLAIN, read_iso_code(plain) if is_beside else None),
        (_SDK, read_code(sdk)),
    ]
    if not _is_absent(sdk) and not _is_absent(get("af_revenue")):
        of_properties = [of_properties[2], of_properties[0], of_properties[1]]
    of_upload = [(f"the event's {_PLAIN}", read_code(upload))]
    places = of_upload + of_properties if is_of_upload else of_properties + of_upload
    codes = [(place, code) for place, code in places if code is not None]
    if codes:
        code = codes[0][1]
        rivals = tuple(place for place, other in codes if other != code)
        return Currency(code, is_unreadable=False, rivals=rivals, is_own_read=read_code(own) == code or is_empty(own))
    is_symbol = is_beside and _is_symbol(plain)
    is_unreadable = is_symbol or not (_is_absent(own) and _is_absent(sdk) and _is_absent(upload))
    rivals = (_PLAIN,) if is_beside and not is_unreadable else ()
    return Currency(None, is_unreadable, rivals, is_own_read=is_empty(own))


@lru_cache(maxsize=1024)
def _of_own(own: str) -> Currency:
    code = _code_of(own)
    is_unreadable = code is None and not is_empty(own)
    return Currency(code, is_unreadable, rivals=(), is_own_read=not is_unreadable)


def is_empty(value: Any) -> bool:
    """Return whether it is text without a letter, which states nothing."""
    return isinstance(value, str) and (value == "" or value.isspace())


def _is_absent(value: Any) -> bool:
    return value is None or is_empty(value)


def read_code(value: Any) -> str | None:
    """Return the code that a place for currencies holds, upper-case; None for what looks like none."""
    return _code_of(value) if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None


def read_iso_code(value: Any) -> str | None:
    """Return the code, upper-case, if it is one of a real currency's."""
    code = read_code(value)
    return code if code in CURRENCIES or code in NEWER else None


@lru_cache(maxsize=1024)
def _code_of(text: str) -> str | None:
    code = text.strip()
    return code.upper() if _CURRENCY.fullmatch(code) else None


def _is_symbol(value: Any) -> bool:
    """Return whether it names a currency by its sign: `€`, `US$`."""
    return isinstance(value, str) and any(unicodedata.category(letter) == "Sc" for letter in value[:_LONGEST_TEXT])
