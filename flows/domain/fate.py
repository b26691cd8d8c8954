"""The closed set of fates: every event that is read ends, for each enabled sync, in exactly one of these."""

from enum import StrEnum
from typing import Final, NamedTuple

from flows.domain.event import Position


class Outcome(StrEnum):
    """The final outcome of one event for one sync; what has none yet is pending."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    DUPLICATE = "duplicate"
    DEAD_LETTERED = "dead_lettered"


class FilterReason(StrEnum):
    """Why a sync does not want an event: the first that holds."""

    RESERVED = "reserved"
    APPSFLYER = "appsflyer"
    NOT_SELECTED = "not_selected"
    CONSENT = "consent"
    PLATFORM = "platform"


class DeadLetterReason(StrEnum):
    """Why an event could not be delivered."""

    UNDECODABLE = "undecodable"
    INVALID_EVENT = "invalid_event"
    NO_APPSFLYER_ID = "no_appsflyer_id"
    NO_PLATFORM = "no_platform"
    TOO_LARGE = "too_large"
    REJECTED = "rejected"
    RETRIES_EXHAUSTED = "retries_exhausted"
    CREDENTIALS_REJECTED = "credentials_rejected"
    SYNC_DISABLED = "sync_disabled"
    """It waited for a sync that is not enabled any more, or not there: see `SYNC_DISABLED_ERROR`."""


SYNC_DISABLED_ERROR: Final = "it waited for a sync that is not enabled any more, or has another name"


class Stage(StrEnum):
    """Where in the topology an event was given up."""

    DECODE = "decode"
    IDENTIFY = "identify"
    TRANSLATE = "translate"
    DELIVER = "deliver"


class DeadLetter(NamedTuple):
    """An event that was given up, with everything that is needed to understand it and to replay it."""

    reason: DeadLetterReason
    stage: Stage
    sync: str | None
    """None where decode refused it."""
    copy: int
    """0, and on from there where the sync sends the event under several names."""
    send_as: str | None
    """The name under which the sync sends it; None where decode refused it."""
    error: str
    """What was wrong, in words; never a value of the event."""
    value: bytes
    key: bytes | None
    position: Position
    first_seen_ms: int
    failed_at_ms: int = 0
    http_status: int | None = None
    answer: str | None = None
    attempts: int = 0
    identity: str | None = None
    """The identity that its request was made from, as `identity.as_text` writes it; None where none was found."""
    replays: int = 0
    """How many times dead letters of it were replayed before."""
