"""What holds deliveries up: read off the sender, its lanes and the dead-letter queue."""

from connectors.delivery.breaker import Circuit
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts


def read_hindrances(to: Readings, parts: Parts) -> None:
    """Put what keeps events from being delivered."""
    sender, dead_letter_queue, outbox = parts.sender, parts.dead_letter_queue, parts.outbox
    for app in parts.apps():
        labels = (app.sync, app.platform)
        lane, circuit = parts.lane(app), parts.circuit(app)
        for each in Circuit:
            to.put(v.CIRCUIT, each is circuit, *labels, each.value)
        to.put(v.RATE_LIMIT, parts.rate_limit(app), *labels)
        to.put(v.CONCURRENCY_LIMIT, parts.concurrency_limit(app), *labels)
        to.put(v.IN_FLIGHT, lane.in_flight if lane is not None else 0, *labels)
        to.put(v.WAITING, len(lane.waiting) if lane is not None else 0, *labels)
        to.put(v.SET_ASIDE, outbox.set_aside_of(app.lane), *labels)
    to.put(v.RETRIES_WAITING, sender.retries_waiting if sender is not None else 0)
    to.put(v.HELD, parts.held)
    to.put(v.WINDOW_ITEMS, parts.windows.value)
    to.put_histogram(v.WINDOW_BATCHES, parts.batches)
    to.put(v.UNFINISHED, len(outbox))
    to.put(v.BRAKE, parts.ledger.brake.is_on)
    to.put(v.JOURNAL_BLOCKED, sender is not None and sender.waits_for_disk)
    to.put(v.LETTERS_WAITING, dead_letter_queue.waiting if dead_letter_queue is not None else 0)
    to.put(v.LETTERS_BLOCKED, dead_letter_queue is not None and dead_letter_queue.waits_for is not None)
