"""Readings: values of metrics, gathered at one scrape, with exactly the labels that the vocabulary gives them."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from flows.domain.histogram import Histogram
from flows.observe.metrics.metric import Metric


class Readings:
    """What one scrape finds."""

    def __init__(self) -> None:
        self._families: dict[Metric, CounterMetricFamily | GaugeMetricFamily] = {}
        self._histograms: dict[Metric, HistogramMetricFamily] = {}

    def put(self, metric: Metric, value: float, *labels: str) -> None:
        """Add a value of a counter or a gauge; `labels` are the values of its labels, in their order."""
        _check(metric, labels)
        family = self._families.get(metric)
        if family is None:
            name = metric.name.removesuffix("_total")
            make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = self._families[metric] = make(name, metric.meaning, labels=metric.labels)
        family.add_metric(labels, value)

    def put_histogram(self, metric: Metric, buckets: Histogram, *labels: str) -> None:
        """Add a histogram."""
        _check(metric, labels)
        family = self._histograms.get(metric)
        if family is None:
            family = self._histograms[metric] = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        bounds = [*(str(float(each)) for each in metric.bounds), "+Inf"]
        counts = accumulate(buckets.counts.copy())
        family.add_metric(labels, buckets=list(zip(bounds, counts, strict=True)), sum_value=buckets.total)

    def families(self) -> Iterator[Family]:
        """Yield what was gathered, as prometheus_client prints it."""
        yield from self._families.values()
        yield from self._histograms.values()


def _check(metric: Metric, labels: tuple[str, ...]) -> None:
    if len(labels) != len(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}; got {len(labels)} values")
