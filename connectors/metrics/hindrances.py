"""What holds deliveries up: read off the courier, its lanes and the postbox."""

from connectors.appsflyer.lane import Circuit
from connectors.metrics import vocabulary as v
from connectors.metrics.parts import Parts
from connectors.metrics.readings import Readings


def read_hindrances(to: Readings, parts: Parts) -> None:
    """Put what keeps events from being delivered."""
    courier, postbox, unfinished = parts.courier, parts.postbox, parts.unfinished
    for app in parts.apps():
        labels = (app.sync, app.platform)
        lane, circuit = parts.lane(app), parts.circuit(app)
        for each in Circuit:
            to.put(v.CIRCUIT, each is circuit, *labels, each.value)
        to.put(v.RATE_LIMIT, parts.rate_limit(app), *labels)
        to.put(v.CONCURRENCY_LIMIT, parts.concurrency_limit(app), *labels)
        to.put(v.IN_FLIGHT, lane.in_flight if lane is not None else 0, *labels)
        to.put(v.WAITING, len(lane.waiting) if lane is not None else 0, *labels)
        to.put(v.SET_ASIDE, unfinished.set_aside_of(app.lane), *labels)
    to.put(v.RETRIES_WAITING, courier.retries_waiting if courier is not None else 0)
    to.put(v.HELD, parts.held)
    to.put(v.WINDOW_ITEMS, parts.windows.value)
    to.put_buckets(v.WINDOW_BATCHES, parts.batches)
    to.put(v.UNFINISHED, len(unfinished))
    to.put(v.BRAKE, parts.ledger.brake.is_on)
    to.put(v.JOURNAL_BLOCKED, courier is not None and courier.waits_for_disk)
    to.put(v.LETTERS_WAITING, postbox.waiting if postbox is not None else 0)
    to.put(v.LETTERS_BLOCKED, postbox is not None and postbox.waits_for is not None)
