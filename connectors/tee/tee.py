"""The tee: what was taken in goes on to Amplitude as it was sent, by way of a queue on disk."""

from pathlib import Path

from connectors.request_copy import CopiedRequest, RequestCopy
from connectors.tee.client import TeeClient
from connectors.tee.counts import TeeCounts
from connectors.tee.forwarder import Forwarder
from connectors.tee.queue import CopyQueue


class Tee:
    """Implements `RequestCopier`. Belongs to the event loop that it is made in."""

    def __init__(self, directory: Path, endpoint: str, most_bytes: int) -> None:
        """Open the queue. Raises SetupError."""
        self.counts = TeeCounts()
        self._forwarder: Forwarder | None = None
        self._endpoint = endpoint
        self._queue = CopyQueue(directory, most_bytes, self.counts, self._on_more)

    def start(self) -> None:
        """Send on what is queued, from now on."""
        self._forwarder = Forwarder(TeeClient(self._endpoint), self.counts)
        self._forwarder.start(self._queue)

    def begin(self, request: CopiedRequest) -> RequestCopy:
        """Begin to store a copy, and return at once."""
        return self._queue.begin(request)

    async def close(self) -> None:
        """Stop sending; what is not sent on stays in the queue. May be called more than once."""
        if self._forwarder is not None:
            await self._forwarder.close()
        await self._queue.close()

    def _on_more(self) -> None:
        if self._forwarder is not None:
            self._forwarder.wake()
