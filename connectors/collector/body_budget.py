"""Body budget: how many bytes of request bodies may be in memory at the same time, of all connections together."""

import asyncio
from collections import deque


class BodyBudget:
    """Counts bytes that were received and are not answered yet. Belongs to one event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.taken_bytes = 0

    async def take(self, size_bytes: int) -> None:
        """Take so many bytes; wait, first come first served, until there is room for them. May be cancelled."""
        if not self._waiting and self._fits(size_bytes):
            self.taken_bytes += size_bytes
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            was_given = turn.done() and not turn.cancelled()
            self.give_back(size_bytes if was_given else 0)  # those behind may fit now
            raise

    def give_back(self, size_bytes: int) -> None:
        """Give back what was taken."""
        self.taken_bytes -= size_bytes
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._fits(size):
                    break
                self.taken_bytes += size
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, size_bytes: int) -> bool:
        """Whether there is room; one that is larger than all of it may have it alone."""
        return not self.taken_bytes or self.taken_bytes + size_bytes <= self._most_bytes
