"""The sender: one thread that takes deliveries from the outbox to AppsFlyer."""

import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, Final

import structlog

from connectors.delivery.active_clock import ActiveClock
from connectors.delivery.breaker import Circuit
from connectors.delivery.lane import Lane
from connectors.delivery.lanes import Lanes
from connectors.delivery.outbox import Outbox
from connectors.delivery.outcomes import Outcomes
from connectors.delivery.relief import Relief
from connectors.delivery.retries import Retries
from connectors.delivery.settings import DeliveryTable
from connectors.delivery.stats import Tally
from connectors.ports import DeliveryEngine
from connectors.secrets import SecretError

log = structlog.get_logger()

_IDLE_SECONDS: Final = 0.5


def _nothing(_in_flight: int) -> None:
    pass


class Sender:
    """Sends what arrives in the outbox. Its thread does everything; other threads may pause, hold and ask.

    Args:
        settings: what bounds it.
        lanes: the ways to the apps.
        outbox: where deliveries come from, and where it says what became of them.
        stats: counts the answers.
        engine: sends; it is closed with the sender.
        now_ms: the time in milliseconds since the epoch.
        lane_share: how many deliveries may wait for one app in trouble before they are set aside.
        beat: called in each round with the number of requests under way.
    """

    def __init__(
        self,
        settings: DeliveryTable,
        lanes: Lanes,
        outbox: Outbox,
        stats: Tally,
        engine: DeliveryEngine,
        now_ms: Callable[[], int],
        lane_share: int | None = None,
        beat: Callable[[int], None] = _nothing,
    ) -> None:
        self._max_in_flight = settings.max_in_flight
        self._lanes = lanes
        self._outbox = outbox
        self._engine = engine
        self._beat = beat
        self._turn = 0
        """Which lane begins: the one after that which was sent from last."""
        self._active = ActiveClock()
        """How long events are tried goes by it: no step of the wall clock, and no stop, gives anything up early."""
        self._retries = Retries()
        self._outcomes = Outcomes(settings, outbox, stats, self._retries, self._active, now_ms)
        self._relief = Relief(settings, outbox, lane_share if lane_share is not None else settings.max_pending)
        self._closing = False
        self._waits_for_disk = False
        self._holding = False
        self._is_still = False
        self.error: BaseException | None = None
        """What ended the thread, if anything did."""
        outbox.wake_sender = engine.wake
        self._runner = Thread(target=self._run, name="sender", daemon=True)
        self._runner.start()

    def pause(self, syncs: Iterable[str]) -> None:
        """From now on send nothing to the apps of these syncs, and to those of all others again.

        What is under way comes to its end. Any thread may call it; the sender's follows at its next round.
        """
        self._lanes.paused = frozenset(syncs)
        self._engine.wake()

    @property
    def paused(self) -> frozenset[str]:
        """The syncs that nothing is sent for, because the settings say so."""
        return self._lanes.paused

    @property
    def circuits(self) -> dict[str, Circuit]:
        """The circuit of each lane."""
        return {name: lane.circuit for name, lane in self.lanes.items()}

    @property
    def lanes(self) -> dict[str, Lane]:
        """The lanes by name, for those who look at them from outside."""
        return dict(self._lanes.by_name)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._engine.in_flight

    @property
    def retries_waiting(self) -> int:
        """How many requests wait for their next attempt."""
        return len(self._retries)

    @property
    def waits_for_disk(self) -> bool:
        """Whether the journal cannot be written, so that nothing is sent."""
        return self._waits_for_disk

    def hold(self) -> None:
        """Send nothing more; what is on its way comes to its end."""
        if not self._holding:
            self._holding = True
            self._engine.wake()

    @property
    def is_still(self) -> bool:
        """Whether it holds, and everything that it had sent was answered and is durable."""
        return self._is_still

    def close(self) -> None:
        """Stop; what is on its way is broken off."""
        self._closing = True
        self._engine.wake()
        self._runner.join()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._round()
        except BaseException as problem:
            self.error = problem
            log.exception("sender stopped")
        finally:
            self._engine.close()

    def _round(self) -> None:
        outbox, engine, outcomes = self._outbox, self._engine, self._outcomes
        self._active.seconds()  # read in each round, so that its gaps are those in which nothing could run
        self._sort_arrived()
        self._note_pauses()
        self._relief.balance(self._lanes.by_name)
        self._is_still = self._holding and not engine.in_flight and not self._waits_for_disk
        may_send = not self._holding and not self._waits_for_disk and outbox.may_send
        wait = self._send() if may_send else _IDLE_SECONDS
        outbox.is_awaited = True
        completed = engine.completed(0.0 if outbox.arrived else wait)
        for in_flight, seconds in completed.delivered:
            outcomes.delivered(in_flight, seconds)
        for in_flight, answer in completed.others:
            outcomes.ended(in_flight, answer)
        outbox.is_awaited = False
        self._beat(engine.in_flight)
        self._settle()

    def _settle(self) -> None:
        """Make what was told durable; where that fails, nothing new is sent until it works again."""
        try:
            self._outbox.settle()
        except OSError as problem:
            if not self._waits_for_disk:
                log.error("the journal cannot be written; nothing is sent until it can", why=problem.strerror)
            self._waits_for_disk = True
            return
        if self._waits_for_disk:
            log.info("the journal is written again")
            self._waits_for_disk = False

    def _sort_arrived(self) -> None:
        arrived, lanes = self._outbox.arrived, self._lanes
        while arrived:
            in_flight = arrived.popleft()
            lane = in_flight.lane = lanes.of(in_flight.delivery)
            lane.waiting.append(in_flight)

    def _note_pauses(self) -> None:
        paused = self._lanes.paused
        for lane in self._lanes.by_name.values():
            is_paused = lane.sync in paused
            if lane.is_paused and not is_paused:
                # The time for which it was to wait is no time that was tried.
                lane.healed_s = self._active.seconds()
            lane.is_paused = is_paused

    def _send(self) -> float:
        """Send what may go; return how many seconds until more may.

        Lanes begin in turn, and none takes more than its share of `max_in_flight` (`Lane.room`): so no app starves
        another, were it sent to far more, or did it never answer.
        """
        now_s = time.monotonic()
        self._retries.put_back(now_s)
        longest = self._retries.wait_seconds(now_s, _IDLE_SECONDS)
        lanes = list(self._lanes.by_name.values())
        ready = [each for each in lanes[self._turn :] + lanes[: self._turn] if not each.is_paused]
        while ready and (room := self._max_in_flight - self._engine.in_flight) > 0:
            share = max(room // len(ready), 1)
            for lane in list(ready):
                most = min(share, room if len(lanes) == 1 else lane.room(room))
                sent, wait = self._send_some(lane, most, now_s) if most else (0, None)
                if sent:
                    room -= sent
                    self._turn = lanes.index(lane) + 1
                if sent < share:
                    ready.remove(lane)
                    longest = longest if wait is None else min(longest, wait or _IDLE_SECONDS)
                if room <= 0:
                    break
        return max(longest, 0.0)

    def _send_some(self, lane: Lane, most: int, now_s: float) -> tuple[int, float | None]:
        """Send up to so many of the lane's deliveries; return how many, and when the next may go if fewer."""
        wait = None if lane.is_paused else lane.wait_seconds(now_s)
        if wait != 0:
            return 0, wait
        try:
            endpoint = lane.endpoint()
        except SecretError as problem:
            self._outcomes.cannot_read_key(lane, now_s, str(problem))
            return 0, lane.wait_seconds(now_s)
        if lane.endpoint_open != endpoint:
            if lane.endpoint_open is not None:
                self._engine.close_lane(lane.number)
            lane.endpoint_open, lane.number = endpoint, self._engine.open_lane(endpoint)
        breaker = lane.breaker
        requests: list[tuple[Any, int, bytes]] = []
        while wait == 0 and len(requests) < most:
            in_flight = lane.take()
            lane.throttle.take(now_s)
            lane.in_flight += 1
            breaker.sent += 1
            in_flight.number, in_flight.key = breaker.sent, endpoint.key
            requests.append((in_flight, lane.number, in_flight.delivery.body))
            wait = lane.wait_seconds(now_s)
        # A probe asks whether the app can be reached, not whether a connection of before still lives.
        self._engine.submit(requests, alone=breaker.circuit is not Circuit.CLOSED)
        return len(requests), wait
