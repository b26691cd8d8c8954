"""Translate: an identified event → AppsFlyer's request body. Pure.

Source of the fields: AppsFlyer, OpenAPI of the S2S events API (api3), schemas AndroidIds and IosIds.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from connectors.appsflyer.address import read_address
from connectors.appsflyer.currencies import CURRENCIES
from connectors.appsflyer.fields import CANONICAL, compile_fields
from connectors.appsflyer.fit import fit
from connectors.appsflyer.mapped import BUNDLE_ID, IN_PLACE, IP, USER_ID, compile_revenue, is_nothing
from connectors.appsflyer.properties import EventProperties, gather
from connectors.appsflyer.revenue import Revenue, print_number, read_number, read_revenue
from flows.domain.event import PLATFORMS, Event, JsonObject
from flows.domain.identifiers import APPSFLYER_ID, PLATFORM_IDENTIFIERS
from flows.domain.identity import Identity
from flows.domain.normalize import states_version
from flows.domain.os_version import read_os_version
from flows.domain.profile import APP_VERSION, OS_VERSION
from flows.domain.sync import Sync
from flows.domain.timestamp import appsflyer_time, is_late
from flows.domain.warning import EventWarning, RequestWarning


class Request(NamedTuple):
    """What is sent to AppsFlyer."""

    app_id: str
    body: bytes
    notes: tuple[RequestWarning, ...]
    absent: tuple[str, ...]
    """The platform's device identifiers that the request lacks."""


class TooLarge(NamedTuple):
    """The body does not fit, even without any property."""

    error: str


Translate = Callable[[Event, Identity, str, int], Request | TooLarge]
"""(event, identity, name to send it as, now in ms) → what is sent"""

_PLAIN_MONEY: Final = re.compile(r"-?[0-9]+(\.[0-9]{1,5})?")
"""AppsFlyer, «In-app events»: digits, a decimal point with up to five decimals, a minus for refunds."""
_UNMAPPED: Final[tuple[JsonObject, tuple[str, ...]]] = ({}, ())
_UNUSABLE_VERSION: Final = ("app_version_name",)
_LONG_NAME: Final = 45
_LONGEST_NAME: Final = 100
_LONG_VALUE: Final = 1000


def compile_translate(sync: Sync, max_body_bytes: int) -> Translate:
    """Return the translation for one sync. An app of the identity's platform must be there."""
    further = [each for each in sync.fields if each[0] in CANONICAL]
    read_fields = compile_fields(further) if further else None
    in_place = [each for each in sync.fields if each[0] in IN_PLACE]
    read_mapped = compile_fields(in_place, IN_PLACE, is_nothing) if in_place else None
    read_mapped_revenue = compile_revenue(in_place)
    has_user_id, has_ip = [any(name == each for name, _ in in_place) for each in (USER_ID, IP)]
    rules, default_currency = sync.properties, sync.default_currency
    apps = {platform: (sync.app_id(platform), sync.bundle_id(platform)) for platform in PLATFORMS}

    def translate(event: Event, identity: Identity, send_as: str, now_ms: int) -> Request | TooLarge:
        platform = identity.platform
        app_id, bundle_id = apps[platform]
        if app_id is None:
            raise ValueError(f"sync {sync.name} has no {platform} app")
        notes: list[RequestWarning] = []
        mapped, invalid = _UNMAPPED if read_mapped is None else read_mapped(event)
        revenue = read_revenue(event) if read_mapped_revenue is None else read_mapped_revenue(event, mapped, invalid)
        properties = gather(event, rules, revenue.parameters, revenue.consumed, revenue.mapped)
        envelope: JsonObject = {APPSFLYER_ID: identity.values[APPSFLYER_ID]}
        user_id = mapped.get(USER_ID) if has_user_id else event.user_id
        if user_id is not None:
            envelope["customer_user_id"] = user_id
        else:
            notes.append(RequestWarning(EventWarning.NO_CUSTOMER_USER_ID))
        envelope["eventName"] = send_as
        envelope["eventValue"] = ""  # its place; `fit` fills it
        envelope["eventTime"] = appsflyer_time(min(event.time_ms, now_ms))
        _add_currency(envelope, notes, properties, revenue, None if "currency" in invalid else default_currency)
        invalid += _add_device(envelope, notes, event, identity, mapped.get(IP) if has_ip else event.ip)
        absent = _add_identifiers(envelope, notes, identity)
        bundle_id = None if BUNDLE_ID in invalid else mapped.get(BUNDLE_ID, bundle_id)
        if bundle_id is not None:
            envelope["bundleIdentifier"] = bundle_id
        if read_fields is not None:
            invalid += _add_fields(envelope, read_fields(event))
        if invalid:
            notes.append(RequestWarning(EventWarning.INVALID_FIELD, ", ".join(invalid)))
        _note_name_and_time(notes, event, send_as, now_ms)
        _note_properties(notes, properties, revenue)
        fitted = fit(envelope, properties, max_body_bytes)
        if fitted is None:
            return TooLarge(f"over {max_body_bytes} bytes even without any property")
        body, trimmed = fitted
        if trimmed or len(body) > _LONG_VALUE:  # else none can be as long
            _note_long_values(notes, properties)
        if trimmed:
            notes.append(RequestWarning(EventWarning.TRIMMED_PROPERTIES, ", ".join(trimmed)))
        return Request(app_id, body, tuple(notes), absent)

    return translate


def _add_currency(
    envelope: JsonObject,
    notes: list[RequestWarning],
    properties: EventProperties,
    revenue: Revenue,
    default: str | None,
) -> None:
    earns = properties.values.get("af_revenue") is not None
    # A currency that is stated but unreadable is not the default one: no currency is better than a wrong one.
    currency = revenue.currency or (None if revenue.unreadable_currency else default)
    if currency is not None:
        envelope["eventCurrency"] = currency
    if revenue.unreadable_currency or (currency is not None and currency not in CURRENCIES):
        notes.append(RequestWarning(EventWarning.UNKNOWN_CURRENCY))
    elif earns and currency is None:
        notes.append(RequestWarning(EventWarning.NO_CURRENCY))
    if earns and revenue.rival_currencies:
        notes.append(RequestWarning(EventWarning.AMBIGUOUS_CURRENCY, ", ".join(revenue.rival_currencies)))


def _add_device(
    envelope: JsonObject, notes: list[RequestWarning], event: Event, identity: Identity, ip: str | None
) -> tuple[str, ...]:
    """Add what the event says of its device, apart from what identifies it; return the names of what was unusable."""
    values = identity.values
    if ip is not None:
        address = read_address(ip)
        if address.ip is not None:
            envelope["ip"] = address.ip
        elif address.warning is not None:
            notes.append(RequestWarning(address.warning))
    os_version = read_os_version(event.os_version) if event.os_version is not None else None
    if os_version is None and (remembered := values.get(OS_VERSION)) is not None:
        os_version = read_os_version(str(remembered))  # an earlier version of this stream remembered any text
    if os_version is not None:
        envelope["os"] = os_version
    elif event.os_version is not None:
        notes.append(RequestWarning(EventWarning.NO_OS, "os_version holds none"))
    elif identity.platform == "ios":
        notes.append(RequestWarning(EventWarning.NO_OS))
    app_version = event.app_version
    unusable = app_version is None and states_version(event.fields)
    if app_version is None and (known := values.get(APP_VERSION)) is not None:
        app_version = str(known)
    if app_version is not None:
        envelope["app_version_name"] = app_version
    return _UNUSABLE_VERSION if unusable else ()


def _add_fields(envelope: JsonObject, read: tuple[JsonObject, tuple[str, ...]]) -> tuple[str, ...]:
    """Add what was read of the fields that have no other rule; return the names of what was unusable."""
    fields, invalid = read
    envelope.update(fields)
    return invalid


def _add_identifiers(envelope: JsonObject, notes: list[RequestWarning], identity: Identity) -> tuple[str, ...]:
    """Add the identifiers that AppsFlyer takes on the device's platform; return those that are absent."""
    values = identity.values
    names = PLATFORM_IDENTIFIERS[identity.platform]
    absent: tuple[str, ...] = ()
    for name in names:
        value = values.get(name)
        if value is None:
            absent += (name,)
        else:
            envelope[name] = {"scope": value[0], "id": value[1]} if isinstance(value, tuple) else value
    if identity.platform == "ios" and (att := values.get("att")) is not None:
        envelope["att"] = att
    if len(absent) == len(names):
        notes.append(RequestWarning(EventWarning.NO_DEVICE_IDENTIFIER))
    if identity.malformed:
        notes.append(RequestWarning(EventWarning.MALFORMED_IDENTIFIER, ", ".join(identity.malformed)))
    if identity.zeroed:
        notes.append(RequestWarning(EventWarning.ZERO_IDENTIFIER, ", ".join(identity.zeroed)))
    return absent


def _note_name_and_time(notes: list[RequestWarning], event: Event, send_as: str, now_ms: int) -> None:
    if len(send_as) > _LONGEST_NAME:
        notes.append(RequestWarning(EventWarning.EVENT_NAME_TOO_LONG))
    elif len(send_as) > _LONG_NAME:
        notes.append(RequestWarning(EventWarning.LONG_EVENT_NAME))
    if not event.is_dated:
        notes.append(RequestWarning(EventWarning.NO_EVENT_TIME))
    if event.time_ms > now_ms:
        notes.append(RequestWarning(EventWarning.FUTURE_EVENT_TIME))
    elif is_late(event.time_ms, now_ms):
        notes.append(RequestWarning(EventWarning.LATE_EVENT))


def _note_properties(notes: list[RequestWarning], properties: EventProperties, revenue: Revenue) -> None:
    invalid = list(revenue.invalid)
    own = properties.values.get("af_revenue")
    if own is not None and own is not revenue.parameters.get("af_revenue"):  # the app's own
        number = read_number(own)
        if number is None:
            invalid.append("af_revenue")
        elif not _PLAIN_MONEY.fullmatch(str(own)):  # with an exponent or too many decimals
            properties.values["af_revenue"] = print_number(number)
    if invalid:
        notes.append(RequestWarning(EventWarning.INVALID_REVENUE, ", ".join(invalid)))
    if properties.renamed:
        notes.append(RequestWarning(EventWarning.RENAMED_PROPERTY, ", ".join(properties.renamed)))
    if properties.dropped:
        notes.append(RequestWarning(EventWarning.NESTED_PROPERTY_DROPPED, ", ".join(properties.dropped)))


def _note_long_values(notes: list[RequestWarning], properties: EventProperties) -> None:
    long = [name for name, value in properties.values.items() if type(value) is str and len(value) > _LONG_VALUE]
    if long:
        notes.append(RequestWarning(EventWarning.LONG_PROPERTY_VALUE, ", ".join(long)))
