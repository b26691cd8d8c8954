"""What AppsFlyer answers: read off the tally."""

from typing import Final

from connectors.appsflyer.answers import Verdict
from connectors.delivery.stats import AGE_BOUNDS, FIRST, RETRY
from flows.domain.histogram import Histogram
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts

_HIGHEST_STATUS: Final = 599


def read_answers(to: Readings, parts: Parts) -> None:
    """Put what each app answers."""
    ages: dict[str, Histogram] = {}
    for app in parts.apps():
        of_app = parts.answers(app)
        labels = (app.sync, app.platform)
        by_label = {("200", Verdict.DELIVERED.value): 0}
        for (status, verdict), count in of_app.answers.copy().items():
            kind = (status_label(status), verdict.value)
            by_label[kind] = by_label.get(kind, 0) + count
        for kind, count in by_label.items():
            to.put(v.ANSWERS, count, *labels, *kind)
        to.put_histogram(v.REQUEST_SECONDS, of_app.request_seconds, *labels)
        to.put(v.DELIVERIES, of_app.delivered_first, *labels, FIRST)
        to.put(v.DELIVERIES, of_app.delivered_later, *labels, RETRY)
        if of_app.delivered_ms:
            to.put(v.LAST_DELIVERY, of_app.delivered_ms / 1000, *labels)
        ages.setdefault(app.sync, Histogram(AGE_BOUNDS)).include(of_app.age_seconds)
    for sync, age in ages.items():
        to.put_histogram(v.DELIVERY_AGE, age, sync)


def status_label(status: int) -> str:
    """Return a status as a label: no server can make more than 600 of them."""
    if not status:
        return "none"
    return str(status) if status <= _HIGHEST_STATUS else "other"
