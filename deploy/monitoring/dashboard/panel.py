"""What a panel is, whoever draws it, and the expressions that panels are made of."""

from typing import Final, Literal, NamedTuple

from flows.observe.metrics.metric import Metric
from flows.observe.metrics.vocabulary import BUILD_INFO

Kind = Literal["lines", "areas", "number", "states", "table"]
"""`areas` are stacked; `states` shows which of few values holds when."""

NOW: Final = "$__rate_interval"
"""The shortest time that a rate can be taken over, as Grafana knows it."""
SHOWN: Final = "$__range"
"""All the time that is shown."""


class Query(NamedTuple):
    """One expression, and how its series are called."""

    expression: str
    legend: str
    """Such as `{{sync}}`; in a table, the name of the column."""


class State(NamedTuple):
    """What a value means."""

    value: int
    text: str
    color: str


class Panel(NamedTuple):
    """One picture."""

    title: str
    kind: Kind
    metrics: tuple[Metric, ...]
    """Those that it shows; their meanings are its description."""
    queries: tuple[Query, ...]
    unit: str = "short"
    """As Grafana calls it."""
    width: int = 8
    """Of 24."""
    height: int = 8
    warn_above: float | None = None
    """From where on it is drawn as bad."""
    states: tuple[State, ...] = ()
    key: str = ""
    """A table's column that its queries are joined by; where there is none, there is one query."""

    @property
    def description(self) -> str:
        """What is shown, and what to do when it moves."""
        return "\n\n".join(f"**{each.name}**: {each.meaning} *{each.do}*" for each in self.metrics)


class Row(NamedTuple):
    """The panels that answer one question."""

    question: str
    panels: tuple[Panel, ...]


SCOPE: Final = 'namespace=~"$namespace", job=~"$job"'
"""Which stream is looked at."""
OF_SYNC: Final = f'{SCOPE}, sync=~"$sync"'
FLAG: Final = (State(0, "no", "green"), State(1, "yes", "red"))
GOOD: Final = (State(0, "no", "red"), State(1, "yes", "green"))


def series(metric: Metric, *matchers: str, part: str = "") -> str:
    """Return the selector of a metric's series; of a histogram's `part`."""
    scope = OF_SYNC if "sync" in metric.labels else SCOPE
    return f"{metric.name}{part}{{{', '.join((scope, *matchers))}}}"


def each_process(
    title: str,
    kind: Kind,
    metric: Metric,
    unit: str = "short",
    *,
    width: int = 8,
    warn_above: float | None = None,
    states: tuple[State, ...] = (),
) -> Panel:
    """Return the panel of a metric that has one series for each process."""
    queries = (Query(series(metric), "{{instance}}"),)
    return Panel(title, kind, (metric,), queries, unit, width, warn_above=warn_above, states=states)


def ours(metric: Metric) -> str:
    """Return a metric that every process has, of the stream's processes only."""
    return f"{series(metric)} and on (namespace, job, instance) {series(BUILD_INFO)}"


def total(metric: Metric, *by: str) -> str:
    """Return the sum of a gauge."""
    return f"sum{_by(by)} ({series(metric)})"


def most(metric: Metric, *by: str) -> str:
    """Return the highest of a gauge."""
    return f"max{_by(by)} ({series(metric)})"


def least(metric: Metric, *by: str) -> str:
    """Return the lowest of a gauge."""
    return f"min{_by(by)} ({series(metric)})"


def rate(metric: Metric, *by: str, where: tuple[str, ...] = (), window: str = NOW) -> str:
    """Return how much of a counter there is per second."""
    return f"sum{_by(by)} (rate({series(metric, *where)}[{window}]))"


def increase(metric: Metric, *by: str, where: tuple[str, ...] = (), window: str = SHOWN) -> str:
    """Return how much a counter grew within a time."""
    return f"sum{_by(by)} (increase({series(metric, *where)}[{window}]))"


def quantile(share: float, metric: Metric, *by: str) -> str:
    """Return a quantile of a histogram."""
    return f"histogram_quantile({share}, {_buckets(metric, *by)})"


def quantiles(metric: Metric, *by: str) -> tuple[Query, ...]:
    """Return the median and the tail of a histogram."""
    label = "".join(f" {{{{{each}}}}}" for each in by)
    return tuple(Query(quantile(share, metric, *by), f"p{share * 100:g}{label}") for share in (0.5, 0.95, 0.99))


def _buckets(metric: Metric, *by: str) -> str:
    return f"sum{_by((*by, 'le'))} (rate({series(metric, part='_bucket')}[{NOW}]))"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
