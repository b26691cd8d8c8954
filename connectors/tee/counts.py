"""What the tee counts: plain numbers, which any thread may read."""

from collections import Counter
from enum import StrEnum


class DropReason(StrEnum):
    """Why a copy never came into the queue. The events themselves were taken."""

    FULL = "full"
    """The queue holds as much as it may."""
    DISK_FULL = "disk_full"
    SLOW = "slow"
    """The disk does not keep up, and too much waits in memory."""
    BROKEN = "broken"
    """The queue's file cannot be written or read."""


class GivenUpReason(StrEnum):
    """Why an event that was queued is not sent on any more."""

    WRONG_KEY = "wrong_key"
    """Amplitude does not know the API key."""
    INVALID = "invalid"
    """Amplitude says that the event, or the request, is wrong."""
    SILENCED = "silenced"
    """Amplitude takes nothing of its device."""
    DAILY_QUOTA = "daily_quota"
    """Its user or device has sent too much today."""
    TOO_LARGE = "too_large"
    """Alone, or in a body that cannot be divided."""
    REFUSED = "refused"
    """Another answer that is no trouble of a moment, many times."""
    TOO_OLD = "too_old"


class TeeCounts:
    """Counts since the start of the process, and what waits now."""

    def __init__(self) -> None:
        self.forwarded_events = 0
        """Events that Amplitude has taken."""
        self.given_up: Counter[GivenUpReason] = Counter()
        """Why → events."""
        self.dropped: Counter[DropReason] = Counter()
        """Why → events."""
        self.waiting_requests = 0
        self.waiting_bytes = 0
        """What they are counted as towards the queue's bound."""
        self.oldest_received_ms: int | None = None
        """When the oldest of them arrived, in ms since the epoch; None where none waits."""
        self.trouble: str | None = None
        """Why Amplitude takes nothing at the moment, as far as that is known."""
