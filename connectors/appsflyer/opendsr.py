"""OpenDSR: the requests by which AppsFlyer is asked to erase a person. Pure.

Source: AppsFlyer, OpenAPI of the OpenDSR API (schemas Request and SubjectIdentity), read 2026-11.
"""

import hmac
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final, Literal, NamedTuple

import orjson

from flows.domain.device import DeviceState
from flows.domain.event import Platform
from flows.domain.identifiers import APPSFLYER_ID
from flows.domain.profile import taught_by_device

PATH: Final = "/api/gdpr/v1/opendsr_requests"
"""Where requests are posted; the status of one is below it, by its `subject_request_id`."""

IdentityType = Literal[
    "appsflyer_id", "customer_user_id", "ios_advertising_id", "idfv", "android_advertising_id", "fire_advertising_id"
]
CUSTOMER_USER_ID: Final = "customer_user_id"

_TYPES: Final[Mapping[str, tuple[IdentityType, Platform | None]]] = {
    APPSFLYER_ID: ("appsflyer_id", None),
    "idfa": ("ios_advertising_id", "ios"),
    "idfv": ("idfv", "ios"),
    "advertising_id": ("android_advertising_id", "android"),
    "amazon_aid": ("fire_advertising_id", "android"),
}
"""Identifier → AppsFlyer's type of it, and its platform. OpenDSR knows no OAID, no IMEI and no app set id."""


class SubjectIdentity(NamedTuple):
    """One identity of a person, as AppsFlyer names it."""

    type: IdentityType
    value: str
    platform: Platform | None = None
    """Whose apps it may be known to; None is both."""


class SubjectApp(NamedTuple):
    """An app that events were sent to."""

    id: str
    """As `property_id` has it: an iOS app with its `id` prefix."""
    platform: Platform
    has_user_ids: bool
    """Whether Amplitude's user id was sent to it as `customer_user_id`."""


def identities_of(devices: Mapping[str, DeviceState]) -> set[SubjectIdentity]:
    """Return the identities that the devices of a stored user have taught, past ones too."""
    found = set()
    for stated, name, value in taught_by_device(devices):
        known = _TYPES.get(name)
        if known is not None and isinstance(value, str):
            found.add(SubjectIdentity(known[0], value, known[1] or stated))
    return found


def wanted(identities: Collection[SubjectIdentity], apps: Collection[SubjectApp]) -> set[tuple[str, SubjectIdentity]]:
    """Return the requests to make: (app id, identity), one for each identity and app that may know it.

    AppsFlyer takes one `property_id` a request, and refuses an identity whose type is of another platform (e319). Each
    identity comes with the platform of its app.
    """
    return {
        (app.id, identity._replace(platform=app.platform))
        for app in apps
        for identity in identities
        if identity.platform in (None, app.platform) and (identity.type != CUSTOMER_USER_ID or app.has_user_ids)
    }


def request_body(request_id: str, app_id: str, identity: SubjectIdentity, submitted_time: str) -> bytes:
    """Return the body of a request for erasure.

    `request_id` is a UUID v4, by which AppsFlyer recognises a request that it has (e213); `submitted_time` as RFC 3339.
    """
    return orjson.dumps(
        {
            "subject_request_id": request_id,
            "subject_request_type": "erasure",
            "submitted_time": submitted_time,
            "subject_identities": [
                {"identity_type": identity.type, "identity_value": identity.value, "identity_format": "raw"}
            ],
            "property_id": app_id,
        }
    )


def fingerprint(request_id: str, app_id: str, identity: SubjectIdentity) -> str:
    """Return what tells whether a request is about an identity, for a note that must not hold the identity itself."""
    about = orjson.dumps([app_id, identity.type, identity.value])
    return hmac.new(request_id.encode(), about, sha256).hexdigest()
