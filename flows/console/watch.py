"""Watch: what the slices say, asked for only while somebody looks, and once for all who look at the same time."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from connectors.clock import now_ms
from flows.observe.metrics.metric import COLLECTOR, PACKAGE
from flows.operations.collector_facts import CollectorFacts, collector_facts
from flows.operations.deliveries import Deliveries, deliveries
from flows.operations.monitor import SliceAnswer, ask

_FRESH_SECONDS: Final = 1.0
_RATE_SECONDS: Final = 10.0
"""Rates are taken over so long, or less at first."""

Ask = Callable[[Sequence[str], str], Awaitable[list[SliceAnswer]]]
"""Asks addresses for the status of what has a name."""


class Watch:
    """Belongs to one event loop."""

    def __init__(
        self,
        urls: Sequence[str],
        collector_url: str | None = None,
        ask: Ask = ask,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where the slices answer, and where the collector does, if there is one."""
        self._urls = urls
        self._collector_url = collector_url
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._looks: deque[tuple[float, list[SliceAnswer]]] = deque()
        self._found: Deliveries | None = None

    async def deliveries(self) -> Deliveries:
        """Return how everything fares, at most a second old."""
        async with self._lock:
            if self._found is None or self._clock() - self._looks[-1][0] >= _FRESH_SECONDS:
                answers, collector = await asyncio.gather(self._ask(self._urls, PACKAGE), self._collector())
                self._found = deliveries(answers, self._before(self._clock()), collector)
                self._looks.append((self._clock(), answers))
            return self._found

    async def _collector(self) -> CollectorFacts | None:
        if self._collector_url is None:
            return None
        (answer,) = await self._ask([self._collector_url], COLLECTOR)
        return collector_facts(answer, now_ms())

    def _before(self, now: float) -> Mapping[str, SliceAnswer]:
        """Return the answers that rates are taken from, and forget those that are older."""
        while self._looks and (
            now - self._looks[0][0] > 3 * _RATE_SECONDS
            or (len(self._looks) > 1 and now - self._looks[1][0] >= _RATE_SECONDS)
        ):
            self._looks.popleft()
        return {each.url: each for each in self._looks[0][1]} if self._looks else {}
