"""Warnings: what is not wrong enough to hold an event back, but will cost its sender something. A closed vocabulary."""

from enum import StrEnum
from typing import Final, NamedTuple


class EventWarning(StrEnum):
    """What an operator should know about a request; counted per sync."""

    NO_DEVICE_IDENTIFIER = "no_device_identifier"
    MALFORMED_IDENTIFIER = "malformed_identifier"
    ZERO_IDENTIFIER = "zero_identifier"
    NO_OS = "no_os"
    NO_CUSTOMER_USER_ID = "no_customer_user_id"
    LONG_EVENT_NAME = "long_event_name"
    EVENT_NAME_TOO_LONG = "event_name_too_long"
    LONG_PROPERTY_VALUE = "long_property_value"
    LATE_EVENT = "late_event"
    FUTURE_EVENT_TIME = "future_event_time"
    NO_EVENT_TIME = "no_event_time"
    TRIMMED_PROPERTIES = "trimmed_properties"
    RENAMED_PROPERTY = "renamed_property"
    NESTED_PROPERTY_DROPPED = "nested_property_dropped"
    INVALID_REVENUE = "invalid_revenue"
    NO_CURRENCY = "no_currency"
    UNKNOWN_CURRENCY = "unknown_currency"
    AMBIGUOUS_CURRENCY = "ambiguous_currency"
    NOT_IPV4 = "not_ipv4"
    NOT_PUBLIC_IP = "not_public_ip"
    INVALID_FIELD = "invalid_field"


PLAIN_WORDS: Final = {
    # AppsFlyer, «About device identifiers»; Amplitude, «AppsFlyer event streaming».
    EventWarning.NO_DEVICE_IDENTIFIER: (
        "no device identifier (IDFA or IDFV; GAID, Amazon AID, OAID, IMEI or app set id): postbacks go out without a "
        "device, Audiences rules that need one fail, and self-reporting networks such as Facebook and Google Ads get "
        "no postback"
    ),
    EventWarning.MALFORMED_IDENTIFIER: "an identifier does not look like one and counts as absent",
    EventWarning.ZERO_IDENTIFIER: (
        "an identifier is all zeros, as on devices that may not be tracked, and counts as absent"
    ),
    EventWarning.NO_OS: (
        "no OS version: AppsFlyer treats an iPhone's event as iOS 14.5, so that its privacy rules for that version "
        "apply"
    ),
    EventWarning.NO_CUSTOMER_USER_ID: "no user id: AppsFlyer cannot tell that this user is the same on another device",
    EventWarning.LONG_EVENT_NAME: (
        "the event name is over 45 characters: AppsFlyer's older pages say that its dashboard does not show such events"
    ),
    EventWarning.EVENT_NAME_TOO_LONG: (
        "the event name is over 100 characters: AppsFlyer's dashboard does not show such events"
    ),
    EventWarning.LONG_PROPERTY_VALUE: "a property's value is over 1,000 characters: AppsFlyer may cut it",
    EventWarning.LATE_EVENT: (
        "AppsFlyer gets the event after 02:00 UTC of the day after it happened, and dates it by its arrival"
    ),
    EventWarning.FUTURE_EVENT_TIME: "the event's time is in the future: it is sent as now",
    EventWarning.NO_EVENT_TIME: "the event does not say when it happened: it is dated by its arrival",
    EventWarning.TRIMMED_PROPERTIES: "properties were left out, for AppsFlyer takes bodies of up to 1 KB only",
    EventWarning.RENAMED_PROPERTY: (
        "properties of the same name: the event's keeps it, the user's or group's goes out under another"
    ),
    EventWarning.NESTED_PROPERTY_DROPPED: "nested properties were left out, as the settings say",
    EventWarning.INVALID_REVENUE: (
        "a revenue, price or quantity is no number: it counts for nothing and goes out as it is"
    ),
    EventWarning.NO_CURRENCY: "revenue without a currency: AppsFlyer will guess; set the sync's default_currency",
    EventWarning.UNKNOWN_CURRENCY: "the currency is not in AppsFlyer's list: the revenue may not be counted",
    EventWarning.AMBIGUOUS_CURRENCY: (
        "another currency could be meant than the one that was sent: the revenue may be counted in the wrong one"
    ),
    EventWarning.NOT_IPV4: (
        "the IP address is not IPv4 and was left out: AppsFlyer takes the place from the install instead"
    ),
    EventWarning.NOT_PUBLIC_IP: (
        "the IP address is none of the public internet and was left out: it is that of a server or a private network, "
        "and AppsFlyer takes the place from the install instead"
    ),
    EventWarning.INVALID_FIELD: "a field, or a part of one, is not what AppsFlyer takes and was left out",
}


class RequestWarning(NamedTuple):
    """A warning about one request."""

    warning: EventWarning
    names: str = ""
    """The properties, fields or identifiers that it is about; never a value."""

    def __str__(self) -> str:
        """Print as `warning: what it costs (names)`."""
        about = f" ({self.names})" if self.names else ""
        return f"{self.warning.value}: {PLAIN_WORDS[self.warning]}{about}"
