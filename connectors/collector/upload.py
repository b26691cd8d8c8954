"""An upload: what a request's body holds, whichever of the protocols it came by."""

from enum import StrEnum
from typing import Any, Final, NamedTuple

DEFAULT_MIN_ID_LENGTH: Final = 5
"""Amplitude, HTTP V2 API: `options.min_id_length`."""


class RefusalReason(StrEnum):
    """Why nothing of a request is taken."""

    UNKNOWN_PATH = "unknown_path"
    TOO_LARGE = "too_large"
    """Over 20 MB unpacked, or over 2,000 events."""
    UNREADABLE = "unreadable"
    """Neither JSON nor a form."""
    NO_EVENTS = "no_events"
    UNKNOWN_API_KEY = "unknown_api_key"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - says that one is wrong
    BAD_CHECKSUM = "bad_checksum"
    INVALID_EVENTS = "invalid_events"
    """Only where `strict` asks for it."""


class Dialect(StrEnum):
    """What a client understands as an answer."""

    JSON = "json"
    SDK_FORM = "sdk_form"
    """The SDKs before the current ones: they keep everything until they see 200, and read no body."""
    TEXT = "text"
    """HTTP API v1 and the Identify API: plain words."""


class Upload(NamedTuple):
    """What a body holds. Its events are as they were sent."""

    events: list[Any]
    api_key: str | None
    dialect: Dialect = Dialect.JSON
    upload_time: Any = None
    """The client's clock when it sent the request, as it wrote it: ISO 8601, or ms since the epoch."""
    library: Any = None
    """Of events that do not name their own."""
    min_id_length: int = DEFAULT_MIN_ID_LENGTH
    is_from_device: bool = True
    """The client's address may be the user's; Amplitude's webhooks come from elsewhere."""


class UnreadablePart(NamedTuple):
    """A part of a body that is no JSON, in the place of an event."""

    text: bytes


class UnreadableUploadError(Exception):
    """A body holds no upload."""

    def __init__(self, reason: RefusalReason, words: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.words = words
        """The answer, where the body's dialect has a text for it; else empty."""
