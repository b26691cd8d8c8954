"""Metric: one number that is scraped; its name, unit and labels, what it means, and what to do when it moves."""

from typing import Final, Literal, NamedTuple

Label = Literal[
    "api_key",
    "attempt",
    "bytewax",
    "caution",
    "check",
    "circuit",
    "class",
    "identifier",
    "library",
    "outcome",
    "part",
    "partition",
    "path",
    "platform",
    "python",
    "reason",
    "slice",
    "slices",
    "status",
    "sync",
    "version",
]
"""Every label takes few values: they come from closed sets, the settings, or the topic's partitions; what clients say
of themselves is bounded in number."""

PACKAGE: Final = "amplitude-appsflyer-stream"
COLLECTOR: Final = f"{PACKAGE}-collector"
"""What a collector's /status calls itself."""
PREFIX: Final = "appsflyer_stream_"


class Metric(NamedTuple):
    """One metric."""

    name: str
    """As it is scraped."""
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[Label, ...]
    meaning: str
    do: str
    """What to do when it moves."""
    bounds: tuple[float, ...] = ()
    """A histogram's upper bounds."""


def counter(name: str, unit: str, labels: tuple[Label, ...], meaning: str, do: str) -> Metric:
    """Return a counter; its name gets its prefix and its ending."""
    return Metric(f"{PREFIX}{name}_total", "counter", unit, labels, meaning, do)


def gauge(name: str, unit: str, labels: tuple[Label, ...], meaning: str, do: str) -> Metric:
    """Return a gauge; its name gets its prefix."""
    return Metric(f"{PREFIX}{name}", "gauge", unit, labels, meaning, do)
