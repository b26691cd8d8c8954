"""Writes docs/metrics.md out of the vocabulary: python -m tests.tools.pages.metrics > docs/metrics.md."""

import sys
from collections.abc import Iterator

from flows.observe.metrics.amplitude_figures import figures
from flows.observe.metrics.metric import Metric
from flows.observe.metrics.vocabulary import GROUPS

_INTRODUCTION = """\
# Metrics

<!-- Made by `python -m tests.tools.pages.metrics` out of flows/observe/metrics/vocabulary.py; change that file. -->

Each process serves its own, for Prometheus and whatever reads its format, at `/metrics` of the `[health]` address: by
default <http://127.0.0.1:9464/metrics>, slice i at port 9464 + i. Beside it are `/livez`, `/readyz` and `/status`.

- A process that takes events in (`serve`, `collect`) serves those of [the last table](#does-it-take-events-in) at
  `[collector] health_port`: <http://127.0.0.1:9463/metrics>. The stream beside `serve` has an address of its own.
- The numbers are those that a process keeps anyway, read when somebody asks: a scrape costs nothing in between.
- Counters begin at 0 with each start of a process. Every series of a closed set is there from the start, with 0.
- Labels come from closed sets, the settings and the topic's partitions. None holds a value of an event. What clients
  say of themselves, their library's name and an unknown API key (first and last characters), is bounded in number.
- [The dashboard](dashboard.svg) and the alerts are made of them: deploy/monitoring, and [runbook.md](runbook.md).
- For each sync, at any scrape: read - refused - refusals pending + copies = outcomes + pending.
"""

_FIGURES = """\
## Amplitude's delivery figures

What Amplitude shows for its own event streams, as expressions over the last hour, by sync. A share of requests without
an identifier, such as iOS requests without an IDFA, is
`sum by (sync) (increase(appsflyer_stream_missing_identifiers_total{identifier="idfa"}[1h])) / sum by (sync)
(increase(appsflyer_stream_requests_built_total{platform="ios"}[1h]))`.
"""


def document() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *(_group(title, metrics) for title, metrics in GROUPS), _FIGURES, *_figures()])


def _group(title: str, metrics: tuple[Metric, ...]) -> str:
    rows = "".join(_row(each) for each in metrics)
    return f"## {title}\n\n| metric | labels | meaning | what to do when it moves |\n|---|---|---|---|\n{rows}"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{each}`" for each in metric.labels)
    return f"| `{metric.name}`<br>{metric.kind}, {metric.unit} | {labels} | {metric.meaning} | {metric.do} |\n"


def _figures() -> Iterator[str]:
    yield "| Amplitude's name | meaning | expression |\n|---|---|---|"
    for each in figures():
        yield f"| `{each.name}` | {each.meaning} | `{each.expression}` |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())
