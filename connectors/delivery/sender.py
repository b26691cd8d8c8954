"""The sender: one thread that takes deliveries to AppsFlyer, tries again what may pass, and says how each ended."""

import heapq
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from threading import Thread
from typing import Final, NamedTuple
from urllib.parse import quote

import structlog

from connectors.appsflyer.answers import DEAD_LETTER_REASONS, UNUSUAL, Classified, Verdict, classify
from connectors.appsflyer.page import is_page
from connectors.appsflyer.unusual import UnusualTexts
from connectors.delivery.active_clock import ActiveClock
from connectors.delivery.adaptive import AdaptiveLimit
from connectors.delivery.delivery import Attempts, Delivery, dead_letter
from connectors.delivery.items import size_bytes
from connectors.delivery.lane import Circuit, Lane, Shipment
from connectors.delivery.report import Report
from connectors.delivery.retry import POISON_STATUS, delay_seconds, is_exhausted
from connectors.delivery.settings import PENDING_EVENT_BYTES, DeliveryTable
from connectors.delivery.throttle import Limiter, Ramp, Throttle
from connectors.limited_log import LimitedLog
from connectors.ports import Answer, DeliveryEngine
from connectors.secrets import Secret, SecretError
from flows.domain.slice import ALL, Slice

log = structlog.get_logger()

_IDLE_SECONDS: Final = 0.5
_WEIGHING_SECONDS: Final = 0.1
_ANSWER_CHARACTERS: Final = 200
_OK: Final = 200
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_TOO_MANY_REQUESTS: Final = 429
_OVERLOADED: Final = (_TOO_MANY_REQUESTS, 503)
"""How a server says that it is sent too much (RFC 6585, RFC 9110); a 503 can also mean that it is broken."""


class LaneSecrets(NamedTuple):
    """Where a sync's requests go, and its keys."""

    base_url: str
    secrets: Sequence[Secret]


class Sender:
    """Takes deliveries. `submit` may be called by any thread; everything else happens in the sender's own."""

    def __init__(
        self,
        settings: DeliveryTable,
        syncs: Mapping[str, LaneSecrets],
        report: Report,
        engine: DeliveryEngine,
        now_ms: Callable[[], int],
        *,
        lane_share: int | None = None,
        part: Slice = ALL,
    ) -> None:
        self._settings = settings
        self._syncs = syncs
        self._report = report
        self._now_ms = now_ms
        self._lane_share = lane_share if lane_share is not None else settings.max_pending
        self._part = part
        self._throttles: dict[str, Throttle] = {}
        self._lanes: dict[str, Lane] = {}
        self._paused: frozenset[str] = frozenset()
        self._inbox: deque[tuple[Delivery, Attempts]] = deque()
        self._later: list[tuple[float, int, Shipment]] = []
        self._sequence = 0
        self._weigh_at_s = 0.0
        """When lanes in trouble are weighed again: to add up what waits takes time."""
        self._turn = 0
        """Which lane begins: the one after that which was sent from last."""
        self._active = ActiveClock()
        """How long events are tried goes by it: no step of the wall clock, and no stop, gives anything up early."""
        self._engine = engine
        self._closing = False
        self._asleep = False
        self._waits_for_disk = False
        self._holding = False
        self._is_still = False
        self._log = LimitedLog()
        self._unusual = UnusualTexts()
        self.error: BaseException | None = None
        """What ended the thread, if anything did."""
        self._runner = Thread(target=self._run, name="courier", daemon=True)
        self._runner.start()

    def submit(self, deliveries: Iterable[tuple[Delivery, Attempts]]) -> None:
        """Take deliveries over. Never blocks."""
        self._inbox.extend(deliveries)
        if self._asleep:
            self._engine.wake()

    def pause(self, syncs: Iterable[str]) -> None:
        """From now on send nothing to the apps of these syncs, and to those of all others again.

        What is under way comes to its end. Any thread may call it; the sender's follows at its next round.
        """
        self._paused = frozenset(syncs)
        self._engine.wake()

    def wake(self) -> None:
        """Make the sender take note at once."""
        self._engine.wake()

    @property
    def paused(self) -> frozenset[str]:
        """The syncs that nothing is sent for, because the settings say so."""
        return self._paused

    @property
    def circuits(self) -> dict[str, Circuit]:
        """The circuit of each lane."""
        return {name: lane.circuit for name, lane in list(self._lanes.items())}

    @property
    def lanes(self) -> dict[str, Lane]:
        """The lanes by name, for those who look at them from outside."""
        return dict(self._lanes)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._engine.in_flight

    @property
    def retries_waiting(self) -> int:
        """How many requests wait for their next attempt."""
        return len(self._later)

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
                self._active.seconds()  # read in each round, so that its gaps are those in which nothing could run
                self._sort_inbox()
                self._note_pauses()
                self._balance()
                self._is_still = self._holding and not self._engine.in_flight and not self._waits_for_disk
                may_send = not self._holding and not self._waits_for_disk and self._report.may_send()
                wait = self._send() if may_send else _IDLE_SECONDS
                self._asleep = True
                if self._inbox:
                    wait = 0.0
                completed = self._engine.completed(wait)
                for shipment, seconds in completed.delivered:
                    self._delivered(shipment, seconds, _ACCEPTED)
                for shipment, answer in completed.others:
                    self._ended(shipment, answer)
                self._asleep = False
                self._settle()
        except BaseException as problem:
            self.error = problem
            log.exception("courier stopped")
        finally:
            self._engine.close()

    def _settle(self) -> None:
        """Make what was told durable; where that fails, nothing new is sent until it works again."""
        try:
            self._report.settled()
        except OSError as problem:
            if not self._waits_for_disk:
                log.error("the journal cannot be written; nothing is sent until it can", why=problem.strerror)
            self._waits_for_disk = True
            return
        if self._waits_for_disk:
            log.info("the journal is written again")
            self._waits_for_disk = False

    def _sort_inbox(self) -> None:
        inbox = self._inbox
        while inbox:
            delivery, attempts = inbox.popleft()
            self._queue(Shipment(delivery, attempts), self._lane(delivery))

    def _queue(self, shipment: Shipment, lane: Lane) -> None:
        shipment.lane = lane
        lane.waiting.append(shipment)

    def _note_pauses(self) -> None:
        paused = self._paused
        for lane in self._lanes.values():
            is_paused = lane.sync in paused
            if lane.is_paused and not is_paused:
                # The time for which it was to wait is no time that was tried.
                lane.healed_s = self._active.seconds()
            lane.is_paused = is_paused

    def _balance(self) -> None:
        """Set aside what a lane in trouble keeps back beyond its share of the room; take it back afterwards."""
        share = self._lane_share
        now_s = time.monotonic()
        is_weighed = False
        for lane in self._lanes.values():
            waiting = lane.waiting
            if lane.is_paused or lane.is_in_trouble(now_s):
                most = min(share, self._settings.max_pending // 2) if lane.is_paused else share
                while len(waiting) > most and self._report.set_aside(waiting[-1].delivery, waiting[-1].attempts):
                    waiting.pop()
                if now_s >= self._weigh_at_s and self._report.size_bytes() > most * PENDING_EVENT_BYTES:
                    self._lighten(lane, most * PENDING_EVENT_BYTES)
                    is_weighed = True
            elif not waiting or (
                len(waiting) < share // 2 and self._report.size_bytes() <= self._settings.max_pending_bytes // 2
            ):
                for delivery, attempts in self._report.take_back(lane.name, max(share // 2, 1)):
                    self._queue(Shipment(delivery, attempts), lane)
        if is_weighed:
            self._weigh_at_s = now_s + _WEIGHING_SECONDS

    def _lighten(self, lane: Lane, most_bytes: int) -> None:
        """Set aside of a lane's what is beyond its share of the memory, where its events are large."""
        waiting = lane.waiting
        over_bytes = sum([size_bytes(each.delivery) for each in waiting]) - most_bytes
        while over_bytes > 0 and waiting and self._report.set_aside(waiting[-1].delivery, waiting[-1].attempts):
            over_bytes -= size_bytes(waiting.pop().delivery)

    def _lane(self, delivery: Delivery) -> Lane:
        lane = self._lanes.get(delivery.lane)
        if lane is None:
            base_url, secrets = self._syncs[delivery.sync]
            throttle = self._throttles.get(delivery.app_id)
            if throttle is None:
                throttle = self._throttles[delivery.app_id] = self._throttle()
            lane = self._lanes[delivery.lane] = Lane(delivery.lane, base_url, delivery.app_id, secrets, throttle)
        return lane

    def _throttle(self) -> Throttle:
        settings, part = self._settings, self._part
        return Throttle(
            Limiter(settings.max_requests_per_second, part),
            Ramp(settings.ramp_requests_per_second_per_minute, part.count),
            settings.max_in_flight,
            AdaptiveLimit(settings.max_in_flight) if settings.adaptive_limits else None,
        )

    def _send(self) -> float:
        """Send what may go; return how many seconds until more may.

        Lanes begin in turn, and none takes more than its share of `max_in_flight` (`Lane.room`): so no app starves
        another, were it sent to far more, or did it never answer.
        """
        now_s = time.monotonic()
        while self._later and self._later[0][0] <= now_s:
            shipment = heapq.heappop(self._later)[2]
            shipment.lane.waiting.append(shipment)
        longest = self._later[0][0] - now_s if self._later else _IDLE_SECONDS
        lanes = list(self._lanes.values())
        ready = [each for each in lanes[self._turn :] + lanes[: self._turn] if not each.is_paused]
        while ready and (room := self._settings.max_in_flight - self._engine.in_flight) > 0:
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
            self._note_pause(lane, lane.refused(now_s, ""), str(problem))
            return 0, lane.wait_seconds(now_s)
        if lane.endpoint_open != endpoint:
            if lane.endpoint_open is not None:
                self._engine.close_lane(lane.number)
            lane.endpoint_open, lane.number = endpoint, self._engine.open_lane(endpoint)
        requests: list[tuple[Shipment, int, bytes]] = []
        while wait == 0 and len(requests) < most:
            shipment = lane.take()
            lane.throttle.take(now_s)
            lane.in_flight += 1
            lane.sent += 1
            shipment.number, shipment.key = lane.sent, endpoint.key
            requests.append((shipment, lane.number, shipment.delivery.body))
            wait = lane.wait_seconds(now_s)
        # A probe asks whether the app can be reached, not whether a connection of before still lives.
        self._engine.submit(requests, alone=lane.circuit is not Circuit.CLOSED)
        return len(requests), wait

    def _delivered(self, shipment: Shipment, seconds: float, classified: Classified) -> None:
        lane = shipment.lane
        lane.in_flight -= 1
        self._report.answered(lane.name, shipment.delivery, shipment.attempts, _OK, seconds, classified)
        now_s = time.monotonic()
        self._note_life(lane, shipment, now_s)
        lane.throttle.passed(now_s, seconds)
        self._report.delivered(shipment.delivery)

    def _ended(self, shipment: Shipment, answer: Answer) -> None:
        lane, key = shipment.lane, shipment.key
        classified = classify(answer.status, answer.text, answer.is_html) if answer.status else _BROKEN
        if classified.verdict is Verdict.DELIVERED:
            self._delivered(shipment, answer.seconds, classified)
            if classified is UNUSUAL:
                self._unusual.note(lane.name, scrub(answer.text, key))
            return
        lane.in_flight -= 1
        now_s = time.monotonic()
        self._report.answered(
            lane.name, shipment.delivery, shipment.attempts, answer.status, answer.seconds, classified
        )
        if answer.status in _OVERLOADED:
            lane.throttle.refused(now_s, answer.seconds, says_so=answer.status == _TOO_MANY_REQUESTS)
        else:  # other failures say nothing of the load, and have their own patience
            lane.throttle.failed()
        now_ms = self._now_ms()
        before = shipment.attempts
        shipment.attempts = Attempts(
            before.made + 1,
            before.tried_ms + self._spent_ms(lane, shipment),
            answer.status or None,
            scrub(answer.text, key),
        )
        if classified.verdict is Verdict.CREDENTIALS and not self._is_forbidden_alone(lane, shipment, answer.status):
            self._refused(lane, shipment, before, classified, key)
        elif classified.verdict is Verdict.INTERCEPTED and not self._is_alone(lane, shipment):
            self._intercepted(lane, shipment, before, classified)
        elif classified.verdict in (Verdict.RETRY, Verdict.INTERCEPTED, Verdict.CREDENTIALS):
            self._try_again(lane, shipment, before, classified, answer, now_ms)
        else:
            if answer.status == _BAD_REQUEST:  # it is the event that is wrong: the app and its key are right
                self._note_life(lane, shipment, now_s)
            self._give_up(shipment, classified, now_ms)

    def _spent_ms(self, lane: Lane, shipment: Shipment) -> int:
        """Return how long a shipment that has failed was tried since it last did, without what its lane was down."""
        now_s = self._active.seconds()
        since_s = max(shipment.since_s, lane.healed_s) if shipment.since_s else now_s
        shipment.since_s = now_s
        return int((now_s - since_s) * 1000)

    def _note_life(self, lane: Lane, shipment: Shipment, now_s: float) -> None:
        if lane.succeeded(shipment.number):
            lane.throttle.closed(now_s)
            lane.healed_s = self._active.seconds()
            self._log.say(logging.INFO, "delivering again", message_class=f"again {lane.name}", lane=lane.name)

    def _refused(self, lane: Lane, shipment: Shipment, before: Attempts, classified: Classified, key: str) -> None:
        """Pause the app, or park the event, once no key is left to try."""
        park = self._settings.on_rejected_credentials == "park"
        if park and not lane.switches_key(key):
            self._give_up(shipment, classified, self._now_ms())
            return
        paused = not park and lane.refused(time.monotonic(), key, shipment.number)
        # It is the app that is wrong, not the event.
        shipment.attempts = shipment.attempts._replace(made=before.made, tried_ms=before.tried_ms)
        if shipment.attempts.http_status == _FORBIDDEN:  # should it alone be forbidden, the others go first
            lane.waiting.append(shipment)
        else:
            lane.waiting.appendleft(shipment)
        self._report.attempted(shipment.delivery, shipment.attempts)
        self._note_pause(lane, paused, classified.meaning)

    def _is_alone(self, lane: Lane, shipment: Shipment) -> bool:
        """Return whether a firewall, say, dislikes this one event, while those sent after it get through."""
        return lane.circuit is Circuit.CLOSED and lane.others_pass(shipment)

    def _is_forbidden_alone(self, lane: Lane, shipment: Shipment, status: int) -> bool:
        """Return whether the key is right and this one event is forbidden, so that it must not pause the app again."""
        return (
            status == _FORBIDDEN and self._settings.on_rejected_credentials != "park" and self._is_alone(lane, shipment)
        )

    def _intercepted(self, lane: Lane, shipment: Shipment, before: Attempts, classified: Classified) -> None:
        """Pause the app: it is neither the event nor the key, so neither attempts nor time count, nor another key."""
        paused = lane.pause(time.monotonic(), shipment.number)
        shipment.attempts = shipment.attempts._replace(made=before.made, tried_ms=before.tried_ms)
        lane.waiting.append(shipment)  # behind the others: should it alone be disliked, they get through first
        self._report.attempted(shipment.delivery, shipment.attempts)
        self._note_pause(lane, paused, classified.meaning, _CLEAR_THE_WAY)

    def _note_pause(self, lane: Lane, paused: bool, why: str, what_to_do: str = "") -> None:  # noqa: FBT001 - as said
        if paused:
            lane.throttle.opened(time.monotonic())
            log.error(
                "app paused: nothing is sent to it until a probe passes, and nothing is lost",
                lane=lane.name,
                why=why,
                do=what_to_do or _CORRECT_THE_KEY,
            )

    def _try_again(
        self, lane: Lane, shipment: Shipment, before: Attempts, classified: Classified, answer: Answer, now_ms: int
    ) -> None:
        now_s = time.monotonic()
        # A page for a 500 is a proxy's; it is no hint of AppsFlyer's at the body.
        status = None if is_page(answer.text, is_html=answer.is_html) else answer.status
        is_poison = classified.verdict is not Verdict.RETRY or (status == POISON_STATUS and lane.others_pass(shipment))
        # What fails alone says nothing about its lane.
        if not is_poison and lane.failed(now_s, answer.retry_after_seconds, shipment.number):
            lane.throttle.opened(now_s)
            self._log.say(
                logging.WARNING,
                "nothing gets through; probing",
                message_class=f"open {lane.name}",
                lane=lane.name,
                why=classified.meaning,
                status=answer.status,
            )
        attempts = shipment.attempts
        if lane.circuit is not Circuit.CLOSED and not is_poison:
            # While nothing gets through at all, neither attempts nor time count against an event.
            shipment.attempts = attempts._replace(made=before.made, tried_ms=before.tried_ms)
            lane.waiting.append(shipment)
        elif is_exhausted(status, attempts.made, attempts.tried_ms, self._settings.retry_minutes):
            # Neither way nor key is at fault where others pass: whatever the answer was, it was tried for long enough.
            self._give_up(shipment, classified._replace(verdict=Verdict.RETRY), now_ms)
            return
        else:
            due_s = now_s + delay_seconds(attempts.made, answer.retry_after_seconds, lane.chance)
            self._sequence += 1
            heapq.heappush(self._later, (due_s, self._sequence, shipment))
        self._report.attempted(shipment.delivery, shipment.attempts)

    def _give_up(self, shipment: Shipment, classified: Classified, now_ms: int) -> None:
        reason = DEAD_LETTER_REASONS[classified.verdict]
        self._report.given_up(dead_letter(shipment.delivery, reason, classified.meaning, shipment.attempts, now_ms))


_ACCEPTED: Final = classify(_OK, "OK")
_BROKEN: Final = Classified(Verdict.RETRY, "no answer: the connection failed, broke or timed out")


_CORRECT_THE_KEY: Final = "correct the key, the app id or the plan; a key given as file: is read again by itself"
_CLEAR_THE_WAY: Final = (
    "find what answers in AppsFlyer's place: a sign-in page of this network, a proxy, a firewall, or "
    "delivery.endpoint; then allow requests to AppsFlyer; the key is not at fault"
)


def scrub(text: str, key: str) -> str:
    """Return the beginning of an answer, on one line, without the key should it be repeated there, also encoded."""
    ways = {key, json.dumps(key)[1:-1], quote(key, safe=""), quote(key), escape(key)}
    for written in sorted(ways, key=len, reverse=True):  # the plain key may be the beginning of an encoded one
        text = text.replace(written, "***")
    return " ".join(text.split())[:_ANSWER_CHARACTERS]
