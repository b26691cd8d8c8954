"""Further fields of AppsFlyer's body, read from paths that a sync maps, per event: consent, sharing, hashed contacts.

Source of each form: AppsFlyer, OpenAPI of the S2S events API (api3).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from flows.domain.event import Event, JsonObject
from flows.domain.exact_json import dumps
from flows.domain.paths import compile_path

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_DIGITS: Final = re.compile(r"[0-9]{1,32}")
_BOOLEANS: Final = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
"""The numbers 1 and 0 are found as well: they equal True and False."""
_MANUAL: Final = ("gdpr_applies", "ad_user_data_enabled", "ad_personalization_enabled")
_TCF_NUMBERS: Final = ("policy_version", "gdpr_applies", "cmp_sdk_id", "cmp_sdk_version")
_TCF_GDPR_APPLIES: Final = (-1, 0, 1)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        value = value.strip().lower()
    return _BOOLEANS.get(value) if isinstance(value, bool | int | str) else None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _hash(value: Any) -> str | None:
    text = _text(value)
    return text.lower() if text and _SHA256.fullmatch(text) else None


def _login_id(value: Any) -> str | None:
    text = str(value) if type(value) is int else _text(value)
    return text if text and _DIGITS.fullmatch(text) else None


def _app_type(value: Any) -> str | None:
    return value if value == "app_clip" else None


def _custom_data(value: Any) -> str | None:
    if isinstance(value, dict):
        return dumps(value).decode()
    try:
        return value if isinstance(value, str) and isinstance(orjson.loads(value), dict) else None
    except orjson.JSONDecodeError:
        return None


def _sharing_filter(value: Any) -> str | list[str] | None:
    if isinstance(value, str) and value.strip():
        text = value.strip()
        return "all" if text.lower() == "all" else [text]
    if isinstance(value, list) and value and all(isinstance(each, str) and each.strip() for each in value):
        partners = [each.strip() for each in value]
        return "all" if [each.lower() for each in partners] == ["all"] else partners
    return None


def _consent_data(value: Any) -> JsonObject | None:
    """Return exactly one of `manual` and `tcf`: what says whether the law applies must be there, all of its type."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    if not isinstance(value, dict):
        return None
    manual, tcf = value.get("manual"), value.get("tcf")
    if manual is not None and tcf is not None:
        return None
    if isinstance(manual, dict):
        booleans = {name: _boolean(manual[name]) for name in _MANUAL if name in manual}
        whole = "gdpr_applies" in booleans and None not in booleans.values()
        return {"manual": booleans} if whole else None
    if isinstance(tcf, dict) and (text := _text(tcf.get("tcstring"))) is not None:
        numbers = {name: tcf[name] for name in _TCF_NUMBERS if name in tcf}
        if (
            all(type(number) is int for number in numbers.values())
            and numbers.get("gdpr_applies", 0) in _TCF_GDPR_APPLIES
        ):
            return {"tcf": {**numbers, "tcstring": text}}
    return None


CANONICAL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "consent_data": _consent_data,
    "sharing_filter": _sharing_filter,
    "aie": _boolean,
    "ua": _text,
    "custom_data": _custom_data,
    "app_store": _text,
    "app_type": _app_type,
    "fb_login_id": _login_id,
    "email_hashed": _hash,
    "phone_number_hashed": _hash,
    "phone_number_e164_hashed": _hash,
    "first_name_hashed": _hash,
    "last_name_hashed": _hash,
}
"""What a sync may map in `[sync.fields]`, and how it gets AppsFlyer's form; None is what AppsFlyer would not take."""


def _left_out_of_consent(value: Any, sent: Any) -> list[str]:
    """Return which members of a consent are none of AppsFlyer's, and so are not sent."""
    if isinstance(value, str):
        value = orjson.loads(value)
    (kind,) = sent
    others = [f"consent_data.{name}" for name, member in value.items() if name != kind and member is not None]
    return others + [
        f"consent_data.{kind}.{name}"
        for name, member in value[kind].items()
        if name not in sent[kind] and member is not None
    ]


_LEFT_OUT: Final[Mapping[str, Callable[[Any, Any], list[str]]]] = {"consent_data": _left_out_of_consent}
"""What says of a field that is sent which parts of it are not."""


def _is_absent(value: Any) -> bool:
    return value is None or value == ""


ReadFields = Callable[[Event], tuple[JsonObject, tuple[str, ...]]]


def compile_fields(
    mapping: Sequence[tuple[str, Sequence[str]]],
    canonical_of: Mapping[str, Callable[[Any], Any]] = CANONICAL,
    is_absent: Callable[[Any], bool] = _is_absent,
) -> ReadFields:
    """Return a function from an event to (fields in AppsFlyer's form, names of those that were there but invalid)."""
    compiled = [
        (name, canonical_of[name], _LEFT_OUT.get(name), [compile_path(path) for path in paths])
        for name, paths in mapping
    ]

    def read(event: Event) -> tuple[JsonObject, tuple[str, ...]]:
        fields: JsonObject = {}
        invalid: list[str] = []
        for name, canonical, left_out, paths in compiled:
            value = next((found for path in paths if not is_absent(found := path(event))), None)
            if value is None:
                continue
            real = canonical(value)
            if real is None:
                invalid.append(name)
            else:
                fields[name] = real
                if left_out is not None:
                    invalid += left_out(value, real)
        return fields, tuple(invalid)

    return read
