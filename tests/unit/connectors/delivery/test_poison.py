"""An event that alone fails while others pass: told from an outage by what was sent after it."""

from connectors.delivery.delivery import Delivery
from connectors.delivery.in_flight import InFlight
from connectors.delivery.lane import Lane
from flows.domain.event import Position
from tests.fixtures.throttle import throttle


def _lane() -> Lane:
    return Lane("s/id1", "https://example.invalid", "id1", [], throttle(0))


def _send(lane: Lane, in_flight: InFlight | None = None) -> InFlight:
    delivery = Delivery("s", 0, "name", "id1", b"{}", b"{}", None, Position("t", 0, 1), 0)
    in_flight = in_flight or InFlight(delivery)
    lane.breaker.sent += 1
    in_flight.number = lane.breaker.sent
    return in_flight


def test_what_was_sent_after_it_and_passed_proves_the_fault_of_the_event() -> None:
    """Only a later request's delivery counts; it counts for good, however often the event fails afterwards."""
    lane = _lane()
    poison = _send(lane)
    assert not lane.breaker.others_pass(poison)
    lane.breaker.passed = _send(lane).number
    assert lane.breaker.others_pass(_send(lane, poison))
    assert lane.breaker.others_pass(_send(lane, poison))


def test_what_was_sent_before_it_proves_nothing() -> None:
    """An outage may have begun between the two."""
    lane = _lane()
    passed, failed = _send(lane), _send(lane)
    lane.breaker.passed = passed.number
    assert not lane.breaker.others_pass(failed)
    assert not lane.breaker.others_pass(_send(lane, failed))
