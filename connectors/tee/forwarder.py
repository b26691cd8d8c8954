"""The forwarder: sends what is queued on to Amplitude, and tries again by Amplitude's rules. Nobody waits for it."""

import asyncio
import logging
import random
import time
from contextlib import suppress
from typing import Final, NamedTuple

from connectors.clock import now_ms
from connectors.limited_log import LimitedLog
from connectors.request_copy import CopiedRequest
from connectors.tee.answers import Meaning, Part, Trouble, meaning
from connectors.tee.client import CONNECTIONS, Answered, TeeClient
from connectors.tee.counts import DropReason, GivenUpReason, TeeCounts
from connectors.tee.division import DivisibleBody, divisible, is_packed
from connectors.tee.queue import CopyQueue
from connectors.tee.schedule import Schedule, WaitingCopy

_MOST_REFUSALS: Final = 12
"""As often Amplitude's own clients try what they do not understand."""
_MOST_AGE_MS: Final = 7 * 86_400_000
"""For so long Amplitude knows an `insert_id` again; later a copy may count twice."""
_MOST_COPIES, _MOST_KEYS, _FEW = 2_000, 100_000, 200
"""How much of the queue is known in memory, and how little of it makes it read on."""
_TROUBLES_IN_A_ROW: Final = 3
"""After so many without an answer between them, Amplitude is taken to be away."""
_LOOK_SECONDS: Final = 5.0
"""How often it looks at the queue where nothing else makes it look: a read may have failed."""
_MOST_SENDING_BYTES: Final = 32 << 20
"""Of copies that are sent at a time, and one more."""
_LARGE_BYTES: Final = 262_144
"""A body from here on is divided in a thread."""
_LAST_ANSWERS_SECONDS: Final = 2.0
_DIVIDES: Final = (400, 413, 429)
"""Answers that may be about some of the events alone."""


class Waits(NamedTuple):
    """How long what was not taken waits."""

    first_seconds: float = 0.5
    """After the first failure; each further one doubles it."""
    longest_seconds: float = 60.0
    held_back_seconds: float = 30.0
    """Amplitude, HTTP V2 API, 429: a pause of 30 seconds for the events that came too fast."""

    def seconds(self, failures: int, chance: random.Random) -> float:
        """Return the wait after so many failures: exponential, with jitter."""
        ceiling = min(self.longest_seconds, self.first_seconds * 2 ** min(failures - 1, 16))
        return chance.uniform(0.1 * ceiling, ceiling)


_WAITS: Final = Waits()


class Forwarder:
    """Runs in one event loop, from `start` to `close`."""

    def __init__(self, client: TeeClient, counts: TeeCounts, waits: Waits = _WAITS) -> None:
        self._client = client
        self._counts = counts
        self._waits = waits
        self._log = LimitedLog()
        self._chance = random.Random()  # noqa: S311 - jitter, not a secret
        self._schedule = Schedule()
        self._sending: dict[asyncio.Task[None], int] = {}
        """With the size of each copy, in bytes."""
        self._wake = asyncio.Event()
        self._has_more = True
        self._troubles = 0
        self._pauses = 0
        self._taken = 0
        self._resume_s = 0.0
        self._running: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look at the queue: there may be more."""
        self._has_more = True
        self._wake.set()

    def start(self, queue: CopyQueue) -> None:
        """Send on what is queued, from now on."""
        self._running = asyncio.create_task(self._run(queue))

    async def close(self) -> None:
        """Begin nothing more, and wait a little for what is sent; the rest stays in the queue."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        if self._sending:
            await asyncio.wait(self._sending, timeout=_LAST_ANSWERS_SECONDS)
        for each in self._sending:
            each.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._client.close()

    async def _run(self, queue: CopyQueue) -> None:
        while True:
            self._wake.clear()
            if self._has_more and self._has_place():
                self._has_more = False
                for each in await queue.more(_MOST_COPIES):
                    self._has_more = True
                    self._schedule.add(each)
            self._begin(queue)
            try:
                async with asyncio.timeout(self._pause_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                self._has_more = True

    def _has_place(self) -> bool:
        """Return whether more of the queue is to be known: few are, or all that are known wait."""
        schedule = self._schedule
        few = _MOST_COPIES if not schedule.has_ready else _FEW
        return len(schedule) < few and schedule.keys < _MOST_KEYS

    def _begin(self, queue: CopyQueue) -> None:
        now_s = time.monotonic()
        most = 1 if self._pauses else CONNECTIONS  # one that finds out whether Amplitude is there again
        while now_s >= self._resume_s and self._may_send(most) and (copy := self._schedule.next(now_s)):
            if now_ms() - copy.received_ms > _MOST_AGE_MS:
                self._give_up(GivenUpReason.TOO_OLD, _left_of(copy))
                self._finish(queue, copy)
                continue
            task = asyncio.create_task(self._send(queue, copy))
            self._sending[task] = copy.size
            task.add_done_callback(self._on_sent)

    def _may_send(self, most: int) -> bool:
        return len(self._sending) < most and sum(self._sending.values()) < _MOST_SENDING_BYTES

    def _pause_seconds(self) -> float:
        now_s = time.monotonic()
        if self._resume_s > now_s:
            return self._resume_s - now_s
        due_s = self._schedule.next_due_s
        return _LOOK_SECONDS if due_s is None else min(max(due_s - now_s, 0.001), _LOOK_SECONDS)

    def _on_sent(self, task: "asyncio.Task[None]") -> None:
        del self._sending[task]
        self._wake.set()

    async def _send(self, queue: CopyQueue, copy: WaitingCopy) -> None:
        request = await queue.request(copy.id)
        if request is None:
            queue.drop(DropReason.BROKEN, _left_of(copy))
            self._finish(queue, copy)
            return
        try:
            found, whole, answered = await self._asked(request, copy)
        except Exception as problem:  # noqa: BLE001 - one copy that cannot be sent must not hold up the others
            answered = Answered(0, b"", type(problem).__name__)
            found, whole = Meaning(trouble=Trouble.REFUSED), ()
        if found.trouble is not None:
            self._on_trouble(queue, copy, found.trouble, answered)
        else:
            self._on_answer(queue, copy, found, whole)

    async def _asked(self, request: CopiedRequest, copy: WaitingCopy) -> tuple[Meaning, Part, Answered]:
        """Send what is due of a copy; return what the answer means, all events of the copy, and the answer."""
        _, part = copy.parts[0]
        divided = None if part is None else await _divided(request)
        body = request.body if part is None or divided is None else divided.part(part)
        answered = await self._client.send(request, body)
        if divided is None and answered.status in _DIVIDES:
            divided = await _divided(request)
        events = None if divided is None else divided.events
        whole = tuple(range(copy.events if events is None else len(events)))
        return meaning(answered.status, answered.body, whole if part is None else part, events), whole, answered

    def _on_answer(self, queue: CopyQueue, copy: WaitingCopy, found: Meaning, whole: Part) -> None:
        self._taken += 1
        self._troubles = self._pauses = 0
        self._resume_s, self._counts.trouble = 0.0, None
        self._counts.forwarded_events += found.taken
        for why, events in found.given_up.items():
            self._give_up(why, events)
        now_s = time.monotonic()
        parts = [*((now_s, each) for each in found.now), *copy.parts[1:]]
        if found.held_back:
            copy.holds += 1
            held_back = None if found.held_back == whole else found.held_back
            parts.append((now_s + self._waits.held_back_seconds, held_back))
        copy.parts = sorted(parts, key=lambda each: each[0])
        if not parts:
            self._finish(queue, copy)
            return
        if copy.holds > 1:
            self._schedule.let_pass(copy)
        self._schedule.wait(copy, copy.parts[0][0])

    def _on_trouble(self, queue: CopyQueue, copy: WaitingCopy, trouble: Trouble, answered: Answered) -> None:
        """Try again later: this one alone, or, after some in a row, everything."""
        now_s = time.monotonic()
        copy.failures += 1
        copy.refusals += trouble is Trouble.REFUSED
        is_alone = copy.failures > 1 and copy.taken != self._taken
        copy.taken = self._taken
        self._troubles += 1
        if self._troubles >= _TROUBLES_IN_A_ROW and now_s >= self._resume_s:
            self._pauses += 1
            self._resume_s = now_s + self._waits.seconds(self._pauses, self._chance)
        self._counts.trouble = answered.problem or f"HTTP {answered.status}"
        self._log.say(
            logging.WARNING,
            "Amplitude does not take copies; they wait, and are sent again",
            problem=self._counts.trouble,
            waiting_requests=self._counts.waiting_requests,
        )
        if copy.refusals >= _MOST_REFUSALS:
            self._give_up(GivenUpReason.REFUSED, _left_of(copy))
            self._finish(queue, copy)
            return
        if is_alone:
            self._schedule.let_pass(copy)
        waits_alone = is_alone or not self._pauses
        self._schedule.wait(copy, now_s + (self._waits.seconds(copy.failures, self._chance) if waits_alone else 0.0))

    def _finish(self, queue: CopyQueue, copy: WaitingCopy) -> None:
        self._schedule.done(copy)
        queue.done(copy.id, copy.size)

    def _give_up(self, why: GivenUpReason, events: int) -> None:
        self._counts.given_up[why] += events
        self._log.say(
            logging.ERROR, "Amplitude does not take events of copies; they are given up", message_class=why, reason=why
        )


def _left_of(copy: WaitingCopy) -> int:
    return sum(copy.events if part is None else len(part) for _, part in copy.parts)


async def _divided(request: CopiedRequest) -> DivisibleBody | None:
    if len(request.body) < _LARGE_BYTES and not is_packed(request.body):
        return divisible(request.body)
    return await asyncio.to_thread(divisible, request.body)
