"""A run from beginning to end: start everything, produce, watch until all is delivered, stop everything."""

import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from flows.observe.metrics.vocabulary import REQUEST_SECONDS
from flows.settings import load
from tests.tools.load.children import Child
from tests.tools.load.generator import Job
from tests.tools.load.live import live
from tests.tools.load.plan import Plan
from tests.tools.load.produced import Produced
from tests.tools.load.result import Result
from tests.tools.load.rig import rig
from tests.tools.load.sampler import Sampler, sampling
from tests.tools.load.settings import DEFAULT
from tests.tools.load.stream import Stream

_EVERY_SECONDS: Final = 1.0
_LONGEST_DRAIN_SECONDS: Final = 300.0
_SHORTEST_DRAIN_SECONDS: Final = 30.0
_LATE_SECONDS: Final = 60.0
"""How much longer than planned the generator may take."""


def run(plan: Plan, directory: Path, console: Console, is_over: Callable[[], bool]) -> Result:
    """Run the plan below a directory. Raises what its parts raise, with everything stopped."""
    text = DEFAULT
    if plan.settings is not None:
        load(plan.settings)  # its mistakes are told of the file that they are in
        text = plan.settings.read_text(encoding="utf-8-sig")
    console.print("starting a Kafka, an endpoint and the stream …", style="dim")
    with ExitStack() as stack:
        around = stack.enter_context(
            rig(
                directory,
                plan.slices,
                text=text,
                limit=plan.limit,
                answer_ms=plan.answer_ms,
                endpoint=plan.endpoint,
                keep=plan.keep,
            )
        )
        stream = stack.enter_context(around.stream())
        stream.await_ready(is_over)
        produced = stack.enter_context(Produced(around.work / "produced", plan.events))
        wanted = {name: getattr(plan, name) for name in Job.__slots__ if name in Plan.__slots__}
        generator = around.generator(
            "produced", **{**wanted, "introduced": False, "archive": str(plan.archive) if plan.archive else None}
        )
        stack.callback(generator.stop)
        result = Result(plan, around.parts(), datetime.now(UTC))
        with sampling(stream, around.endpoint, around.broker, generator.pid, produced) as sampler:
            _watch(result, sampler, stream, generator, produced, console, is_over)
            result.mean_answer_ms = _mean_answer_ms(stream)
            generator.stop()
            result.summaries = stream.stop()
            result.crashed = stream.crashed
            _last(result, sampler)
    return result


def _watch(
    result: Result,
    sampler: Sampler,
    stream: Stream,
    generator: Child,
    produced: Produced,
    console: Console,
    is_over: Callable[[], bool],
) -> None:
    """Take samples until everything is delivered, the time is over, or somebody wishes to stop."""
    plan = result.plan
    longest = plan.pace.ends_s + _LATE_SECONDS if plan.rate else _LONGEST_DRAIN_SECONDS
    drain = min(max(plan.pace.ends_s, _SHORTEST_DRAIN_SECONDS), _LONGEST_DRAIN_SECONDS)
    begun = time.monotonic()
    with live(console, result) as show:
        while not result.ended:
            time.sleep(_EVERY_SECONDS - (time.monotonic() - begun) % _EVERY_SECONDS)
            stream.raise_if_ended()
            sample, fresh = sampler.sample()
            result.samples.append(sample)
            result.latencies.append(fresh)
            result.sent, result.taken = produced.sent, produced.taken
            show(sample)
            if not generator.has_ended:
                result.produced_seconds = sample.at_s
                if produced.sent_ms:
                    result.produced_seconds = (produced.sent_ms - produced.begun_ms) / 1000
                if sample.at_s > longest:
                    result.ended = "the generator did not come to its end in time"
            elif sample.at_s > result.produced_seconds + drain:
                result.ended = f"{sample.backlog:,} events were not delivered {drain:.0f} s after the last was produced"
            elif result.is_delivered:
                return
            if is_over():
                result.ended = "it was stopped"


def _last(result: Result, sampler: Sampler) -> None:
    """Take what was answered until the very end."""
    deadline = time.monotonic() + 2 * _EVERY_SECONDS
    delivered = sum(sync["delivered"] for each in result.summaries for sync in each["syncs"].values())
    while True:
        result.latencies.append(sampler.take_answers())
        if sampler.watch.answered >= delivered or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    watch = sampler.watch
    result.answered, result.unnumbered, result.statuses = watch.answered, watch.unnumbered, watch.statuses


def _mean_answer_ms(stream: Stream) -> float | None:
    """Return how long requests took, by the slices' own histograms."""
    seconds = count = 0.0
    for url in stream.urls:
        try:
            with urllib.request.urlopen(f"{url}/metrics", timeout=5) as page:  # noqa: S310 - our own, on loopback
                text = page.read().decode()
        except OSError:
            continue
        seconds += _sum(text, f"{REQUEST_SECONDS.name}_sum")
        count += _sum(text, f"{REQUEST_SECONDS.name}_count")
    return seconds / count * 1000 if count else None


def _sum(page: str, name: str) -> float:
    lines = (line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in lines)
