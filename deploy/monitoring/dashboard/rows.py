"""What the dashboard shows: one row for each question that an operator has, in Amplitude's and AppsFlyer's words."""

from typing import Final

from deploy.monitoring.dashboard.collector import COLLECTOR
from deploy.monitoring.dashboard.delivery import ANSWERS, HINDRANCES
from deploy.monitoring.dashboard.events import GLANCE, HAPPENED, KEEPING_UP, LACK
from deploy.monitoring.dashboard.panel import Panel, Query, Row, quantiles, rate, series
from deploy.monitoring.dashboard.process import PROCESS, STATE
from flows.observe.metrics.metric import Metric
from flows.observe.metrics.vocabulary import GROUPS


def standard_panel(metric: Metric) -> Panel:
    """Return the panel of a metric that has none of its own: a new metric is on the dashboard without a change here."""
    title = metric.name.removeprefix("appsflyer_stream_").replace("_", " ").capitalize()
    if metric.kind == "histogram":
        return Panel(title, "lines", (metric,), quantiles(metric))
    labels = metric.labels or ("instance",)
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    expression = rate(metric, *labels) if metric.kind == "counter" else series(metric)
    return Panel(title, "lines", (metric,), (Query(expression, legend),))


def completed(rows: tuple[Row, ...], groups: tuple[tuple[str, tuple[Metric, ...]], ...]) -> tuple[Row, ...]:
    """Return the rows with a standard panel for each metric of their question that no panel shows."""
    shown = {metric.name for row in rows for panel in row.panels for metric in panel.metrics}
    missing = {question: [each for each in metrics if each.name not in shown] for question, metrics in groups}
    return tuple(
        row._replace(panels=(*row.panels, *map(standard_panel, missing.get(row.question, ())))) for row in rows
    )


ROWS: Final = completed((GLANCE, KEEPING_UP, HAPPENED, LACK, ANSWERS, HINDRANCES, STATE, PROCESS, COLLECTOR), GROUPS)
