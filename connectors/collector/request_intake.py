"""The intake of requests: from a whole request to an answer. Events are answered 200 only when they are durable."""

import asyncio
import logging
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from connectors.collector.answers import Answer
from connectors.collector.counts import CollectorCounts
from connectors.collector.passed_on import query_passed_on
from connectors.collector.protocol import RefusalReason, Refused, Request, Rules, Taken, take
from connectors.collector.unpack import GZIP
from connectors.event_writer import EventsNotStoredError, EventWriter, TakenEvent
from connectors.limited_log import LimitedLog
from connectors.request_copy import CopiedRequest, RequestCopier, RequestCopy

_PATIENCE_SECONDS: Final = 5.0
"""Most stalls are shorter, and clients give up after ten. A late 200 is better than a 429 (measured with clients)."""
_RETRY_SECONDS: Final = 0.2
_MOST_KEPT_PER_MINUTE: Final = 100
_LARGE_BYTES: Final = 262_144
"""A body from here on is read in a thread, so that the others are not held up; so is gzip, which may be any size."""


class RequestIntake:
    """Takes requests of one event loop."""

    def __init__(
        self,
        writer: EventWriter,
        rules: Rules,
        counts: CollectorCounts,
        patience_seconds: float = _PATIENCE_SECONDS,
        copier: RequestCopier | None = None,
    ) -> None:
        """Store events with the writer; what is taken is copied, if there is who copies.

        `rules` may be replaced at any time; others hold from the next request.
        """
        self.rules = rules
        self.counts = counts
        self.writer = writer
        self.copier = copier
        self._patience_seconds = patience_seconds
        self._log = LimitedLog()
        self._minute, self._kept = 0, 0
        self._large = ThreadPoolExecutor(1, "large bodies")

    async def answer(self, request: Request) -> Answer:
        """Return the answer when what was taken is durable; 429 with every index if it is not within some seconds."""
        taken = await self._take(request)
        counts = self.counts
        if isinstance(taken, Refused):
            counts.refused[taken.why] += 1
            if taken.why is RefusalReason.UNKNOWN_API_KEY:
                self._say_unknown(taken.api_key)
            if taken.raw is not None and self._may_keep(taken.raw):
                await self._store([taken.raw])  # what its client is told does not depend on it
            return taken.answer
        if not taken.events:
            return taken.stored
        begin = time.monotonic()
        if not await self._store_with_copy(request, taken):
            counts.throttled_events += len(taken.events)
            return taken.busy
        counts.durable.add(time.monotonic() - begin)
        counts.invalid.update(taken.invalid)
        for library, count in taken.libraries.items():
            counts.stored(library, count)
        return taken.stored

    async def close(self) -> None:
        """Let go of the writer."""
        self._large.shutdown(wait=False)
        await self.writer.close()

    def _may_keep(self, raw: TakenEvent) -> bool:
        """Whether one more body that nobody can read is kept: anybody may send some, and there is no key in them."""
        minute = raw.received_ms // 60_000
        if minute != self._minute:
            self._minute, self._kept = minute, 0
        self._kept += 1
        return self._kept <= _MOST_KEPT_PER_MINUTE

    def _say_unknown(self, masked: str) -> None:
        self.counts.unknown_api_key(masked)
        self._log.say(
            logging.ERROR,
            "events are refused and lost: their API key is not in the settings",
            api_key=masked,
            do="add it to collector.api_keys, or correct the client",
        )

    async def _take(self, request: Request) -> Taken | Refused:
        if len(request.body) < _LARGE_BYTES and not request.body.startswith(GZIP):
            return take(request, self.rules)
        return await asyncio.get_running_loop().run_in_executor(self._large, take, request, self.rules)

    async def _store_with_copy(self, request: Request, taken: Taken) -> bool:
        """Store events, and their copy at the same time; return whether the events are durable."""
        copy = self._begin_copy(request, taken)
        is_stored = False
        try:
            is_stored = await self._store(taken.events)
        finally:
            if copy is not None:
                copy.settle(is_taken=is_stored)
        if copy is not None and is_stored:
            await copy.durable()
        return is_stored

    def _begin_copy(self, request: Request, taken: Taken) -> RequestCopy | None:
        if self.copier is None or taken.path_at_amplitude is None:
            return None
        keys = frozenset([zlib.crc32(event.key) for event in taken.events if event.key is not None])
        return self.copier.begin(
            CopiedRequest(
                request.method,
                taken.path_at_amplitude,
                query_passed_on(request.query),
                request.headers,
                request.body,
                len(taken.events),
                keys,
                request.received_ms,
            )
        )

    async def _store(self, events: Sequence[TakenEvent]) -> bool:
        """Store events; return whether they are durable. What is not may be stored all the same."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                while True:
                    try:
                        await self.writer.write(events)
                    except EventsNotStoredError:
                        await asyncio.sleep(_RETRY_SECONDS)
                    else:
                        return True
        except TimeoutError:
            return False
