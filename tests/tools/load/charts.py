"""The picture of a run: rates, latency, CPU and memory over time."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.tools.load.result import Result
from tests.tools.load.sample import Sample

_INCHES: Final = (9.0, 10.5)


def draw(result: Result, path: Path) -> None:
    """Draw a run as SVG."""
    samples = result.samples
    times = [each.at_s for each in samples]
    # Text stays text, and the same run gives the same picture.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "load", "font.size": 9.0}):
        figure = Figure(_INCHES, layout="constrained")
        rates, latency, cpu, memory = figure.subplots(4, 1, sharex=True)
        _line(rates, times, _per_second(samples, lambda each: each.taken), "produced")
        _line(rates, times, _per_second(samples, lambda each: each.answered), "answered")
        _finish(rates, "events per second")
        _line(latency, times, [_none(each.latency_ms[0]) for each in samples], "p50")
        _line(latency, times, [_none(each.latency_ms[1]) for each in samples], "p99")
        latency.set_yscale("log")
        _finish(latency, "broker to answer, ms", from_zero=False)
        for index in range(len(samples[0].slices)):
            _line(cpu, times, [each.slices[index].use.cpu for each in samples], f"slice {index}")
            mb = [each.slices[index].use.rss_bytes / 2**20 for each in samples]
            _line(memory, times, mb, f"slice {index}")
        _line(cpu, times, [each.generator.cpu for each in samples], "generator")
        _line(cpu, times, [each.endpoint.cpu for each in samples], "endpoint")
        if samples[0].broker is not None:
            _line(cpu, times, [each.broker.cpu if each.broker else 0.0 for each in samples], "broker")
        _finish(cpu, "CPU, cores")
        _finish(memory, "memory, MB")
        memory.set_xlabel("seconds")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _per_second(samples: Sequence[Sample], count: Callable[[Sample], int]) -> list[float]:
    rates = [float("nan")]
    for before, now in itertools.pairwise(samples):
        rates.append((count(now) - count(before)) / max(now.at_s - before.at_s, 1e-6))
    return rates


def _none(value: int | None) -> float:
    return float("nan") if value is None else max(float(value), 0.5)


def _line(axes: Axes, times: Sequence[float], values: Sequence[float], label: str) -> None:
    axes.plot(times, values, label=label, linewidth=1.2)


def _finish(axes: Axes, label: str, *, from_zero: bool = True) -> None:
    axes.set_ylabel(label)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left", frameon=False, ncols=6)
    if from_zero:
        axes.set_ylim(bottom=0)
