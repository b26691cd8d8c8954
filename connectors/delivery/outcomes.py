"""Outcomes: what a completed request means for its delivery, its lane and its key."""

import logging
import time
from collections.abc import Callable
from typing import Final

import structlog

from connectors.appsflyer.answers import ACCEPTED, DEAD_LETTER_REASONS, UNUSUAL, AnswerClass, Overload, Verdict, judge
from connectors.appsflyer.unusual import UnusualTexts
from connectors.delivery.active_clock import ActiveClock
from connectors.delivery.breaker import Circuit
from connectors.delivery.delivery import Attempts, dead_letter
from connectors.delivery.in_flight import InFlight
from connectors.delivery.lane import Lane
from connectors.delivery.outbox import Outbox
from connectors.delivery.retries import Retries
from connectors.delivery.retry import delay_seconds, is_exhausted
from connectors.delivery.scrub import scrub
from connectors.delivery.settings import DeliveryTable
from connectors.delivery.stats import Tally
from connectors.limited_log import LimitedLog
from connectors.ports import Answer

log = structlog.get_logger()

_OK: Final = 200
_CORRECT_THE_KEY: Final = "correct the key, the app id or the plan; a key given as file: is read again by itself"
_CLEAR_THE_WAY: Final = (
    "find what answers in AppsFlyer's place: a sign-in page of this network, a proxy, a firewall, or "
    "delivery.endpoint; then allow requests to AppsFlyer; the key is not at fault"
)


class Outcomes:
    """Decides in the sender's thread: delivered, tried again, given up, or the app is paused."""

    def __init__(
        self,
        settings: DeliveryTable,
        outbox: Outbox,
        stats: Tally,
        retries: Retries,
        active: ActiveClock,
        now_ms: Callable[[], int],
    ) -> None:
        self._parks = settings.on_rejected_credentials == "park"
        self._retry_minutes = settings.retry_minutes
        self._outbox = outbox
        self._stats = stats
        self._retries = retries
        self._active = active
        self._now_ms = now_ms
        self._log = LimitedLog()
        self._unusual = UnusualTexts()

    def delivered(self, in_flight: InFlight, seconds: float, row: AnswerClass = ACCEPTED) -> None:
        """Take note that AppsFlyer has it."""
        lane = in_flight.lane
        lane.in_flight -= 1
        self._stats.answered(lane.name, in_flight, _OK, seconds, row)
        now_s = time.monotonic()
        self._note_life(lane, in_flight, now_s)
        lane.throttle.passed(now_s, seconds)
        self._outbox.delivered(in_flight)

    def ended(self, in_flight: InFlight, answer: Answer) -> None:
        """Take note of an answer, or that there was none, and decide what is next."""
        lane = in_flight.lane
        row = judge(answer.status, answer.text, answer.is_html)
        if row.verdict is Verdict.DELIVERED:
            self.delivered(in_flight, answer.seconds, row)
            if row is UNUSUAL:
                self._unusual.note(lane.name, scrub(answer.text, in_flight.key))
            return
        lane.in_flight -= 1
        self._stats.answered(lane.name, in_flight, answer.status, answer.seconds, row)
        now_s = time.monotonic()
        if row.overload is not Overload.NO:
            lane.throttle.refused(now_s, answer.seconds, says_so=row.overload is Overload.CERTAIN)
        else:  # other failures say nothing of the load, and are tried again in a time of their own
            lane.throttle.failed()
        before = in_flight.attempts
        tried = Attempts(
            before.made + 1,
            before.tried_ms + self._spent_ms(lane, in_flight),
            answer.status or None,
            scrub(answer.text, in_flight.key),
        )
        uncounted = tried._replace(made=before.made, tried_ms=before.tried_ms)
        if row.verdict is Verdict.CREDENTIALS and not self._is_forbidden_alone(lane, in_flight, row):
            self._refused(lane, in_flight, tried, uncounted, row)
        elif row.verdict is Verdict.INTERCEPTED and not self._is_alone(lane, in_flight):
            self._intercepted(lane, in_flight, uncounted, row)
        elif row.verdict in (Verdict.RETRY, Verdict.INTERCEPTED, Verdict.CREDENTIALS):
            self._try_again(lane, in_flight, tried, uncounted, row, answer)
        else:
            if row.proves_alive:  # it is the event that is wrong: the app and its key are right
                self._note_life(lane, in_flight, now_s)
            self._give_up(in_flight, tried, row)

    def cannot_read_key(self, lane: Lane, now_s: float, why: str) -> None:
        """Take note that the lane's key cannot be read: the other one is tried, or the app is paused."""
        self._note_pause(lane, lane.refused(now_s, ""), why)

    def _spent_ms(self, lane: Lane, in_flight: InFlight) -> int:
        """Return how long a delivery that has failed was tried since it last did, without what its lane was down."""
        now_s = self._active.seconds()
        since_s = max(in_flight.since_s, lane.healed_s) if in_flight.since_s else now_s
        in_flight.since_s = now_s
        return int((now_s - since_s) * 1000)

    def _note_life(self, lane: Lane, in_flight: InFlight, now_s: float) -> None:
        if lane.succeeded(in_flight.number):
            lane.throttle.closed(now_s)
            lane.healed_s = self._active.seconds()
            self._log.say(logging.INFO, "delivering again", message_class=f"again {lane.name}", lane=lane.name)

    def _refused(self, lane: Lane, in_flight: InFlight, tried: Attempts, uncounted: Attempts, row: AnswerClass) -> None:
        """Pause the app, or park the event, once no key is left to try."""
        if self._parks and not lane.keys.switches(in_flight.key):
            self._give_up(in_flight, tried, row)
            return
        paused = not self._parks and lane.refused(time.monotonic(), in_flight.key, in_flight.number)
        in_flight.attempts = uncounted  # it is the app that is wrong, not the event
        if row.may_be_poison:  # should it alone be forbidden, the others go first
            lane.waiting.append(in_flight)
        else:
            lane.waiting.appendleft(in_flight)
        self._note_pause(lane, paused, row.meaning)

    def _is_alone(self, lane: Lane, in_flight: InFlight) -> bool:
        """Return whether a firewall, say, dislikes this one event, while those sent after it get through."""
        return lane.breaker.circuit is Circuit.CLOSED and lane.breaker.others_pass(in_flight)

    def _is_forbidden_alone(self, lane: Lane, in_flight: InFlight, row: AnswerClass) -> bool:
        """Return whether the key is right and this one event is forbidden, so that it must not pause the app again."""
        return row.may_be_poison and not self._parks and self._is_alone(lane, in_flight)

    def _intercepted(self, lane: Lane, in_flight: InFlight, uncounted: Attempts, row: AnswerClass) -> None:
        """Pause the app: it is neither the event nor the key, so neither attempts nor time count, nor another key."""
        paused = lane.breaker.pause(time.monotonic(), in_flight.number)
        in_flight.attempts = uncounted
        lane.waiting.append(in_flight)  # behind the others: should it alone be disliked, they get through first
        self._note_pause(lane, paused, row.meaning, _CLEAR_THE_WAY)

    def _note_pause(self, lane: Lane, paused: bool, why: str, what_to_do: str = _CORRECT_THE_KEY) -> None:  # noqa: FBT001 - as said
        if paused:
            lane.throttle.opened(time.monotonic())
            log.error(
                "app paused: nothing is sent to it until a probe passes, and nothing is lost",
                lane=lane.name,
                why=why,
                do=what_to_do,
            )

    def _try_again(
        self,
        lane: Lane,
        in_flight: InFlight,
        tried: Attempts,
        uncounted: Attempts,
        row: AnswerClass,
        answer: Answer,
    ) -> None:
        now_s = time.monotonic()
        is_poison = row.may_be_poison and lane.breaker.others_pass(in_flight)
        # What fails alone says nothing about its lane.
        if not is_poison and lane.breaker.failed(now_s, answer.retry_after_seconds, in_flight.number):
            lane.throttle.opened(now_s)
            self._log.say(
                logging.WARNING,
                "nothing gets through; probing",
                message_class=f"open {lane.name}",
                lane=lane.name,
                why=row.meaning,
                status=answer.status,
            )
        if lane.breaker.circuit is not Circuit.CLOSED and not is_poison:
            # While nothing gets through at all, neither attempts nor time count against an event.
            in_flight.attempts = uncounted
            lane.waiting.append(in_flight)
        elif is_exhausted(row, tried.made, tried.tried_ms, self._retry_minutes):
            # Neither way nor key is at fault where others pass: whatever the answer was, it was tried for long enough.
            self._give_up(in_flight, tried, row._replace(verdict=Verdict.RETRY))
        else:
            in_flight.attempts = tried
            delay_s = delay_seconds(tried.made, answer.retry_after_seconds, lane.breaker.chance)
            self._retries.add(now_s + delay_s, in_flight)

    def _give_up(self, in_flight: InFlight, tried: Attempts, row: AnswerClass) -> None:
        reason = DEAD_LETTER_REASONS[row.verdict]
        letter = dead_letter(in_flight.delivery, reason, row.meaning, tried, self._now_ms())
        self._outbox.given_up(in_flight, letter)
