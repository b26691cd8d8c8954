"""Personal data: the names under which apps usually keep it, and what an e-mail address or telephone number is like.

For `init`, `check` and `explain`, which tell an operator what would leave; the stream itself sends what the settings
let through, and looks at no value. Sources: AppsFlyer, «Customer User ID» (no personal data as the id); ITU-T E.164 (a
number has up to 15 digits); RFC 5321 (a local part has up to 64 characters).
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from flows.domain.event import JsonObject
from flows.domain.exclude import fold

PERSONAL_NAMES: Final = (
    "email", "email_address", "mail", "user_email", "customer_email", "contact_email",
    "phone", "phone_number", "mobile", "mobile_number", "mobile_phone", "cell_phone", "telephone", "tel", "msisdn",
    "user_phone", "customer_phone", "whatsapp",
    "name", "full_name", "first_name", "last_name", "middle_name", "given_name", "family_name", "surname",
    "display_name", "user_name", "nickname",
    "address", "street", "street_address", "address_line_1", "address_line_2", "home_address", "billing_address",
    "shipping_address", "delivery_address", "postal_code", "post_code", "zip", "zip_code",
    "birthday", "birth_date", "birthdate", "date_of_birth", "dob", "ssn", "passport_number", "iban",
)  # fmt: skip
"""What `init` excludes; `exclude` matches them however they are written."""

_EMAIL: Final = re.compile(
    r"[^\s@<>(),;:\"\[\]]{1,64}(?:@|%40)(?:[^\W_][\w-]*\.)+(?!(?:png|jpe?g|gif|svg|webp|css|js)\b)[^\W\d_][\w-]+",
    re.IGNORECASE,
)
_INTERNATIONAL: Final = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ().\-/]{0,3}[0-9]){6,14}(?![0-9])")
_NATIONAL: Final = re.compile(r"\(?[0-9][0-9 ().\-/]{5,24}[0-9]")
_EXTENSION: Final = re.compile(r"\s*(?:ext\.?|x|#)\s*[0-9]{1,6}\Z", re.IGNORECASE)
_DATE: Final = re.compile(r"[0-9]{4}([-/. ])[0-9]{1,2}\1[0-9]{1,2}.*|[0-9]{1,2}([-/. ])[0-9]{1,2}\2[0-9]{2,4}.*")
_DIGITS: Final = range(7, 16)
_PHONE_WORDS: Final = ("phone", "mobile", "telephone", "msisdn", "whatsapp", "cellnumber")
_PHONE_NAMES: Final = frozenset({"tel", "cell", "fax", "telnumber", "telno"})
_BARE_WITH_ZERO: Final = range(10, 13)
"""Digits of a national number with its trunk prefix, such as 01711234567."""
_MOST_NATIONAL: Final = 12
_MOST_CHARACTERS: Final = 4096
"""What is looked at of a value: more than leaves in a request."""
_DEEPEST: Final = 20


def personal_properties(properties: JsonObject) -> tuple[str, ...]:
    """Return the names of the properties of which a value looks like a person's e-mail address or telephone number.

    Looks into objects and lists, too: of these the path is named, as far as its names are none themselves.
    """
    found: dict[str, None] = {}
    for name, value in properties.items():
        for path in _personal_paths(name, value, 0):
            found[".".join(path)] = None
    return tuple(found)


def looks_personal(value: Any, name: str = "") -> bool:
    """Return whether one value looks like an e-mail address or telephone number; its name helps with bare digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    if isinstance(value, int):
        return _is_named_phone(name) and len(str(abs(value) if abs(value) < 10**20 else 0)) in _DIGITS
    text = value[:_MOST_CHARACTERS].strip()
    return _EMAIL.search(text) is not None or _INTERNATIONAL.search(text) is not None or _is_national(text, name)


def _personal_paths(name: str, value: Any, depth: int) -> Iterator[tuple[str, ...]]:
    if looks_personal(name):
        yield ("a name that is one itself",)
        return
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, inner in value.items():
            for path in _personal_paths(key, inner, depth + 1):
                yield (name, *path)
    elif isinstance(value, list) and depth < _DEEPEST:
        for inner in value:
            for path in _personal_paths("", inner, depth + 1):
                yield (name, *path[1:])
    elif looks_personal(value, name):
        yield (name,)


def _is_named_phone(name: str) -> bool:
    folded = fold(name)
    return folded in _PHONE_NAMES or any(word in folded for word in _PHONE_WORDS)


def _is_national(text: str, name: str) -> bool:  # noqa: PLR0911 (one line a thing that it is told from)
    """Tell a number as people write it at home from dates, ids, prices, versions, addresses and book numbers."""
    text = _EXTENSION.sub("", text.removeprefix("tel:").removeprefix("whatsapp:"))
    if not text.isascii() or not _NATIONAL.fullmatch(text):
        return False
    groups = re.findall("[0-9]+", text)
    digits = "".join(groups)
    if len(digits) not in _DIGITS:
        return False
    if _is_named_phone(name):
        return True
    if len(digits) > _MOST_NATIONAL:  # an IMEI has 15
        return False
    if _DATE.fullmatch(text) or max(map(len, groups)) > 9:  # noqa: PLR2004 (no group of a number is as long)
        return len(groups) == 1 and text.startswith("0") and len(digits) in _BARE_WITH_ZERO
    if len(groups) == 1:
        return False
    if "." in text:
        return [len(group) for group in groups] == [3, 3, 4]
    if len(digits) == 13 and digits.startswith(("978", "979")):  # noqa: PLR2004 (ISBN-13)
        return False
    return "(" in text or text.startswith("0") or (len(groups) > 2 and len(digits) >= 9)  # noqa: PLR2004
