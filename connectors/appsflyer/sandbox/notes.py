"""What the sandbox notices about a request that AppsFlyer's answer does not say. A closed vocabulary."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Note(StrEnum):
    """One thing that is wrong, or will cost its sender something. `words` says it plainly."""

    # Why a request was refused.
    NO_SUCH_PATH = "no_such_path"
    NOT_POST = "not_post"
    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    UNKNOWN_APP = "unknown_app"
    COMPRESSED_BODY = "compressed_body"
    BODY_TOO_LARGE = "body_too_large"
    NOT_JSON = "not_json"
    SEVERAL_EVENTS = "several_events"
    NO_APPSFLYER_ID = "no_appsflyer_id"
    NO_EVENT_NAME = "no_event_name"
    NO_EVENT_VALUE = "no_event_value"

    # What is answered with 200 and costs something all the same.
    IOS_APP_ID_WITHOUT_PREFIX = "ios_app_id_without_prefix"
    EVENT_VALUE_NOT_TEXT = "event_value_not_text"
    EVENT_VALUE_NOT_JSON_OBJECT = "event_value_not_json_object"
    INVALID_REVENUE = "invalid_revenue"
    NO_CURRENCY = "no_currency"
    UNKNOWN_CURRENCY = "unknown_currency"
    INVALID_EVENT_TIME = "invalid_event_time"
    LATE_EVENT_TIME = "late_event_time"
    FUTURE_EVENT_TIME = "future_event_time"
    EVENT_NAME_TOO_LONG = "event_name_too_long"
    MALFORMED_APPSFLYER_ID = "malformed_appsflyer_id"
    MALFORMED_IDFA = "malformed_idfa"
    MALFORMED_IDFV = "malformed_idfv"
    ZERO_IDENTIFIER = "zero_identifier"
    WRONG_PLATFORM_IDENTIFIER = "wrong_platform_identifier"
    INVALID_APP_SET_ID = "invalid_app_set_id"
    INVALID_ATT = "invalid_att"
    NOT_IPV4 = "not_ipv4"
    NO_OS = "no_os"
    INVALID_SHARING_FILTER = "invalid_sharing_filter"
    INVALID_CONSENT_DATA = "invalid_consent_data"
    INVALID_CUSTOM_DATA = "invalid_custom_data"
    INVALID_HASH = "invalid_hash"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_FIELD = "unknown_field"
    NOT_DECLARED_JSON = "not_declared_json"

    @property
    def words(self) -> str:
        """Say it in plain words; holds no value of the event."""
        return WORDS[self]


WORDS: Final[Mapping[Note, str]] = {
    Note.NO_SUCH_PATH: "AppsFlyer takes events at /inappevent/APP_ID only",
    Note.NOT_POST: "events are sent with POST",
    Note.NO_KEY: "the header «authentication» is missing",
    Note.WRONG_KEY: "the key is none of those that this sandbox was given",
    Note.UNKNOWN_APP: "the app id is none of those that this sandbox was given",
    Note.COMPRESSED_BODY: "the body is compressed, which AppsFlyer does not document",
    Note.BODY_TOO_LARGE: "the body is larger than AppsFlyer's documented limit",
    Note.NOT_JSON: "the body is missing or no JSON object",
    Note.SEVERAL_EVENTS: "the body holds several events; AppsFlyer takes one per request",
    Note.NO_APPSFLYER_ID: "appsflyer_id is missing or empty",
    Note.NO_EVENT_NAME: "eventName is missing, empty or no text",
    Note.NO_EVENT_VALUE: "eventValue is missing",
    Note.IOS_APP_ID_WITHOUT_PREFIX: "an iOS app id begins with «id»: AppsFlyer answers 200 and records nothing",
    Note.EVENT_VALUE_NOT_TEXT: "revenue lost: eventValue is not a string that holds JSON",
    Note.EVENT_VALUE_NOT_JSON_OBJECT: "eventValue is neither empty nor a JSON object as text",
    Note.INVALID_REVENUE: "af_revenue is no plain decimal number with at most 5 decimals",
    Note.NO_CURRENCY: "revenue without eventCurrency: AppsFlyer has to guess its currency",
    Note.UNKNOWN_CURRENCY: "eventCurrency is not in AppsFlyer's list",
    Note.INVALID_EVENT_TIME: "eventTime is not yyyy-MM-dd HH:mm:ss.SSS: AppsFlyer dates the event by its arrival",
    Note.LATE_EVENT_TIME: "arrived after 02:00 UTC of the day after the event: AppsFlyer dates it by its arrival",
    Note.FUTURE_EVENT_TIME: "eventTime is in the future",
    Note.EVENT_NAME_TOO_LONG: "eventName is over 100 characters: AppsFlyer's dashboard does not show it",
    Note.MALFORMED_APPSFLYER_ID: "appsflyer_id does not look like one: AppsFlyer will find no install for it",
    Note.MALFORMED_IDFA: "idfa is not an upper-case UUID",
    Note.MALFORMED_IDFV: "idfv is not an upper-case UUID",
    Note.ZERO_IDENTIFIER: "an identifier is all zeros, which means that there is none",
    Note.WRONG_PLATFORM_IDENTIFIER: "an identifier belongs to the other platform than the app",
    Note.INVALID_APP_SET_ID: "app_set_id is not a scope of 1 or 2 with a UUID",
    Note.INVALID_ATT: "att is not a whole number from 0 to 3",
    Note.NOT_IPV4: "ip is not an IPv4 address",
    Note.NO_OS: "no OS version: AppsFlyer treats the event as iOS 14.5",
    Note.INVALID_SHARING_FILTER: "sharing_filter is neither «all» nor a list of partner ids",
    Note.INVALID_CONSENT_DATA: "consent_data is not in AppsFlyer's form",
    Note.INVALID_CUSTOM_DATA: "custom_data is not a JSON object as text",
    Note.INVALID_HASH: "a hashed contact is not SHA-256 in hexadecimal",
    Note.WRONG_TYPE: "a field is of another type than AppsFlyer documents",
    Note.UNKNOWN_FIELD: "the body has a field that AppsFlyer does not document",
    Note.NOT_DECLARED_JSON: "the content type is not application/json",
}
