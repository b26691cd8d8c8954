"""What limited a run: named, with the figures that prove it.

Looked at are the moments in which more was there than the stream had brought to its end. Where there are hardly any, it
kept up, and nothing but the offered rate limited it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, NamedTuple

from tests.tools.load.sample import Sample, SliceSample

_SOME: Final = 0.05
"""A share of the moments below which something is an exception."""
_FULL: Final = 0.9
"""A core that is used this much is used up: what is left goes to waiting for the others' turns."""
_MACHINE_FULL: Final = 0.95
_BACKLOG_SECONDS: Final = 1.0
_KEPT_RATE: Final = 0.97
_MUCH_STOLEN: Final = 0.05


class Limit(NamedTuple):
    """One thing that limited the run."""

    what: str
    """The name, in a few words."""
    proof: str
    """The figures."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run, as far as limits show in it."""

    rate: float
    """Events per second that were to be produced; 0 is as many as possible."""
    produced_rate: float
    """Events per second that were produced."""
    answered_rate: float
    """Requests per second that were answered."""
    samples: Sequence[Sample]
    """Of the time in which events were produced."""
    endpoint_processes: int
    cores: int
    """Of the machine."""
    mean_answer_ms: float | None = None
    """How long a request took, as the slices have measured it."""


def limits(run: Run) -> list[Limit]:
    """Return what limited the run, the first thing first; never nothing."""
    pressed = pressed_samples(run)
    if not run.samples:
        return [Limit("nothing was measured", "the run was over before the first look at it")]
    found = [*_troubles(run.samples), *_generator(run)]
    if len(pressed) < max(_SOME * len(run.samples), 1):
        return found or [_nothing(run)]
    found += [*_rate_limit(pressed), *_slices(pressed), *_endpoint(run, pressed), *_concurrency(run, pressed)]
    found += [*_machine(run, pressed), *_broker(pressed)]
    return found or [_unknown(pressed)]


def pressed_samples(run: Run) -> list[Sample]:
    """Return the moments with a backlog of more than a second's events."""
    most = max(_BACKLOG_SECONDS * (run.rate or run.answered_rate), 100)
    return [each for each in run.samples if each.backlog > most]


def _nothing(run: Run) -> Limit:
    busiest = max(range(len(run.samples[0].slices)), key=lambda index: _cpu(run.samples, index))
    cpu = _cpu(run.samples, busiest)
    proof = (
        f"the stream kept up with {run.produced_rate:,.0f} events/s: its backlog stayed below "
        f"{_BACKLOG_SECONDS:g} s; slice {busiest} used {cpu:.0%} of a core"
    )
    if cpu > _SOME and run.rate:
        proof += f", so that at about {run.produced_rate / cpu:,.0f} events/s it would be used up"
    return Limit("nothing but the offered rate", proof)


def _troubles(samples: Sequence[Sample]) -> Iterator[Limit]:
    """Yield what the slices themselves said that keeps them from delivering."""
    words: Counter[str] = Counter()
    for sample in samples:
        words.update({word for each in sample.slices for word in each.why})
    for word, count in words.most_common():
        if count >= _SOME * len(samples):
            open_circuit = _share(samples, lambda each: not each.circuit_closed)
            name = "a circuit that was not closed" if open_circuit >= _SOME else "what the stream itself says"
            yield Limit(name, f"in {count / len(samples):.0%} of the time: {word}")
    silent = _share(samples, lambda each: not each.answers)
    if silent >= _SOME:
        yield Limit("a slice that did not answer", f"in {silent:.0%} of the time it was asked for its status in vain")


def _generator(run: Run) -> Iterator[Limit]:
    if run.rate and run.produced_rate < _KEPT_RATE * run.rate:
        cpu = fmean(each.generator.cpu for each in run.samples)
        yield Limit(
            "the generator",
            f"it produced {run.produced_rate:,.0f} of {run.rate:,.0f} events/s, using {cpu:.0%} of a core; "
            f"up to {max(each.behind for each in run.samples):,} events were due and not sent",
        )


def _rate_limit(pressed: Sequence[Sample]) -> Iterator[Limit]:
    limit = sum(each.rate_limit for each in pressed[-1].slices)
    waiting = _share(pressed, lambda each: each.waiting > 0)
    if limit and waiting >= 0.5:
        yield Limit(
            "the rate limit",
            f"max_requests_per_second allows {limit:,.0f} requests/s for each app, and {_rate(pressed):,.0f}/s were "
            f"delivered to all of them; in {waiting:.0%} of the time requests waited that could have gone",
        )


def _slices(pressed: Sequence[Sample]) -> Iterator[Limit]:
    shares = [_cpu(pressed, index) for index in range(len(pressed[0].slices))]
    full = [index for index, share in enumerate(shares) if share >= _FULL]
    if full:
        used = ", ".join(f"slice {index} {shares[index]:.0%}" for index in full)
        rest = [share for index, share in enumerate(shares) if index not in full]
        others = f"; the other {len(rest)} used {fmean(rest):.0%} on average" if rest else ""
        yield Limit(f"the CPU of {'every slice' if not rest else 'some slices'}", f"of one core: {used}{others}")


def _endpoint(run: Run, pressed: Sequence[Sample]) -> Iterator[Limit]:
    most = fmean(each.endpoint.most_cpu for each in pressed)
    if most >= _FULL:
        every = fmean(each.endpoint.cpu for each in pressed)
        yield Limit(
            "the endpoint",
            f"its busiest process used {most:.0%} of a core, all {run.endpoint_processes} together {every:.1f} cores",
        )


def _concurrency(run: Run, pressed: Sequence[Sample]) -> Iterator[Limit]:
    def is_full(each: SliceSample) -> bool:
        return bool(each.waiting and each.concurrency_limit and each.in_flight >= _FULL * each.concurrency_limit)

    share = _share(pressed, is_full)
    if share < 0.5:
        return
    ceiling = sum(each.concurrency_limit for each in pressed[-1].slices)
    text = f"in {share:.0%} of the time {ceiling:,} requests were under way, the most that are allowed"
    if run.mean_answer_ms:
        text += (
            f"; an answer took {run.mean_answer_ms:,.0f} ms, which gives {ceiling / run.mean_answer_ms * 1000:,.0f}/s"
        )
    yield Limit("requests at a time, and how long answers take", text)


def _machine(run: Run, pressed: Sequence[Sample]) -> Iterator[Limit]:
    busy = fmean(each.machine.busy + each.machine.stolen for each in pressed)
    stolen = fmean(each.machine.stolen for each in pressed)
    if busy >= _MACHINE_FULL or stolen >= _MUCH_STOLEN:
        guests = f", {stolen:.0%} of it taken away by other guests of its host" if stolen >= _MUCH_STOLEN else ""
        slices = sum(_cpu(pressed, index) for index in range(len(pressed[0].slices)))
        yield Limit(
            "the machine",
            f"its {run.cores} cores were {busy:.0%} busy{guests}: the slices had {slices:.1f} of them, the generator "
            f"{fmean(each.generator.cpu for each in pressed):.1f}, the endpoint "
            f"{fmean(each.endpoint.cpu for each in pressed):.1f}, and the rest, the broker among it, what was left",
        )


def _broker(pressed: Sequence[Sample]) -> Iterator[Limit]:
    unread = fmean(each.taken - each.read for each in pressed)
    idle = fmean(sum(part.waiting_to_go for part in each.slices) for each in pressed)
    busiest = max(_cpu(pressed, index) for index in range(len(pressed[0].slices)))
    if unread > 10 * max(idle, 1) and busiest < 0.5:
        yield Limit(
            "reading from Kafka",
            f"{unread:,.0f} events were in the topic and not read, while slices had {idle:,.0f} to deliver and used "
            f"at most {busiest:.0%} of a core",
        )


def _unknown(pressed: Sequence[Sample]) -> Limit:
    busiest = max(_cpu(pressed, index) for index in range(len(pressed[0].slices)))
    return Limit(
        "nothing that these figures prove",
        f"there was a backlog, but no slice used more than {busiest:.0%} of a core, and no limit was reached",
    )


def _cpu(samples: Iterable[Sample], index: int) -> float:
    return fmean(each.slices[index].use.cpu for each in samples)


def _rate(samples: Sequence[Sample]) -> float:
    first, last = samples[0], samples[-1]
    return (last.answered - first.answered) / max(last.at_s - first.at_s, 1e-6)


def _share(samples: Sequence[Sample], holds: Callable[[SliceSample], bool]) -> float:
    return fmean(any(holds(each) for each in sample.slices) for sample in samples)
