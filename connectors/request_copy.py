"""Copies of requests: what was taken in goes on to Amplitude as well, as it was sent."""

from typing import NamedTuple, Protocol


class CopiedRequest(NamedTuple):
    """One request with events, as it is sent on."""

    method: str
    path: str
    """The one that takes such a body at Amplitude."""
    query: str
    """Without the question mark."""
    headers: tuple[tuple[str, str], ...]
    """Those that are passed on, in their order."""
    body: bytes
    events: int
    """How many it holds, at least one."""
    keys: frozenset[int]
    """Numbers of the users and devices that its events are of: those of one are sent on in their order."""
    received_ms: int


class RequestCopy(Protocol):
    """A copy that was begun. Of its methods, none raises."""

    def settle(self, *, is_taken: bool) -> None:
        """Say whether the client is told that its events were taken. A copy of anything else is not sent on."""

    async def durable(self) -> None:
        """Return when the copy is stored or dropped; after half a second in any case."""


class RequestCopier(Protocol):
    """Keeps copies, and sends them on. Belongs to one event loop."""

    def begin(self, request: CopiedRequest) -> RequestCopy:
        """Begin to store a copy, and return at once. Never raises; each copy has to be settled."""
