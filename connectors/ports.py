"""The contracts between the stream and what it is connected to. A port has the methods that its callers need."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

# Delivery engine: sends requests in bulk. Which HTTP client does it is known to `connectors.delivery.engines` alone.


class Endpoint(NamedTuple):
    """Where the requests of one lane go."""

    url: str
    key: str
    """The secret of the `authentication` header (AppsFlyer, OpenAPI of the S2S events API)."""


class Answer(NamedTuple):
    """How a request ended: with a status, or broken."""

    status: int
    """0 where no status line came: the connection broke, or nothing was answered in time."""
    text: str
    """The beginning of the answer; of a broken request, what the engine says of it."""
    retry_after_seconds: float
    seconds: float = 0.0
    """How long it took, from the start of the request."""
    is_html: bool = False
    """Whether its content type says that it is a page."""


class Completed(NamedTuple):
    """The requests that ended."""

    delivered: list[tuple[Any, float]]
    """The ids of those that were answered 200 with the text «OK», and how long each took, in seconds."""
    others: list[tuple[Any, Answer]]
    """The ids and answers of all others."""


class DeliveryEngine(Protocol):
    """Sends requests over connections that it keeps. One thread uses it; `wake` alone may be called by any.

    Every request that is submitted is completed once, within the time-out that the engine was made with: the status
    line decides, whatever becomes of the rest, and what has none is broken (status 0). Nothing that was answered is
    sent again, no redirect is followed, and TLS is verified.
    """

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""

    def open_lane(self, endpoint: Endpoint) -> int:
        """Return the number of a lane, by which requests to an endpoint are submitted. Lanes share connections."""

    def close_lane(self, lane: int) -> None:
        """Let go of a lane; what is under way on it is completed."""

    def submit(self, requests: Sequence[tuple[Any, int, bytes]], *, alone: bool = False) -> None:
        """Send each (id, lane, body). The caller chooses the ids.

        `alone`: over a connection that nothing else has used, so that the answer tells whether the server is reached.
        """

    def completed(self, longest_seconds: float) -> Completed:
        """Wait until something ends or `wake` is called, at most so long, and return what ended since the last call."""

    def wake(self) -> None:
        """End the wait of `completed`, or the next one where it does not wait now."""

    def close(self) -> None:
        """Break off what is under way and close the connections."""
