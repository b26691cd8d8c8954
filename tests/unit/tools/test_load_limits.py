"""A load test names what limited it, with figures, and only what they prove."""

from dataclasses import replace
from typing import Any

import pytest

from tests.tools.load.limits import Run, limits
from tests.tools.load.meter import NOTHING, MachineUse, Use
from tests.tools.load.sample import Sample, SliceSample

IDLE = MachineUse(0.3, 0.0)


def busy(cpu: float) -> Use:
    return Use(cpu, cpu, 100 << 20, 30)


def run(*, seconds: int = 20, produced: float = 1000, rate: float = 1000, backlog: int = 0, **wanted: Any) -> Run:
    """Return a run; with a backlog, everything that is read is on its way."""
    parts = wanted.pop("slices", [SliceSample(use=busy(0.4))])
    others = {"generator": busy(0.2), "endpoint": busy(0.1), "broker": None, "machine": IDLE, "behind": 0, **wanted}
    samples = []
    for second in range(1, seconds + 1):
        taken = int(produced * second)
        of_each = taken // len(parts)
        slices = tuple(replace(each, read=each.read or of_each, waiting_to_go=backlog // len(parts)) for each in parts)
        samples.append(Sample(at_s=second, taken=taken, answered=taken, latency_ms=(50, 90), slices=slices, **others))
    return Run(rate, produced, 800, samples, endpoint_processes=1, cores=4, mean_answer_ms=80)


def names(which: Run) -> list[str]:
    return [each.what for each in limits(which)]


def test_nothing_limits_a_stream_that_keeps_up() -> None:
    """It says how far the busiest slice is from its limit."""
    (limit,) = limits(run())
    assert limit.what == "nothing but the offered rate"
    assert "40% of a core" in limit.proof
    assert "2,500 events/s" in limit.proof


def test_a_slice_that_uses_its_core_up() -> None:
    """All of them, or only some: then it is skew as well."""
    (limit,) = limits(run(backlog=50_000, slices=[SliceSample(use=busy(0.98))]))
    assert limit.what == "the CPU of every slice"
    assert "slice 0 98%" in limit.proof
    parts = [SliceSample(use=busy(0.97)), SliceSample(use=busy(0.3))]
    (limit,) = limits(run(backlog=50_000, slices=parts))
    assert limit.what == "the CPU of some slices"
    assert "the other 1 used 30%" in limit.proof


def test_a_rate_limit_that_requests_wait_for() -> None:
    """Not one that nobody waits for."""
    waits = SliceSample(use=busy(0.4), rate_limit=500, waiting=200)
    (limit,) = limits(run(backlog=50_000, slices=[waits]))
    assert limit.what == "the rate limit"
    assert "500 requests/s" in limit.proof
    assert "the rate limit" not in names(run(backlog=50_000, slices=[replace(waits, waiting=0)]))


def test_a_circuit_that_was_open() -> None:
    """In the stream's own words, even where the backlog was small."""
    broken = SliceSample(use=busy(0.1), circuit_closed=False, why=("nothing gets through to app",))
    (limit,) = limits(run(slices=[broken]))
    assert limit.what == "a circuit that was not closed"
    assert "nothing gets through to app" in limit.proof


def test_other_trouble_in_the_streams_own_words() -> None:
    """Such as a place for dead letters that takes none."""
    (limit,) = limits(run(slices=[SliceSample(use=busy(0.1), why=("dead letters cannot be stored",))]))
    assert limit == ("what the stream itself says", "in 100% of the time: dead letters cannot be stored")


def test_a_generator_that_falls_behind() -> None:
    """Then the stream was not tested with the rate that was asked for."""
    (limit,) = limits(run(produced=600, behind=400))
    assert limit.what == "the generator"
    assert "600 of 1,000 events/s" in limit.proof


def test_an_endpoint_that_is_busy() -> None:
    """Its busiest process counts."""
    (limit,) = limits(run(backlog=50_000, endpoint=busy(0.99)))
    assert limit.what == "the endpoint"
    assert "99% of a core" in limit.proof


def test_requests_at_a_time() -> None:
    """Little's law gives the rate that they allow."""
    full = SliceSample(use=busy(0.4), in_flight=256, concurrency_limit=256, waiting=1000)
    (limit,) = limits(run(backlog=50_000, slices=[full]))
    assert limit.what == "requests at a time, and how long answers take"
    assert "3,200/s" in limit.proof


@pytest.mark.parametrize("machine", [MachineUse(0.99, 0.0), MachineUse(0.7, 0.2)])
def test_a_machine_without_a_core_to_spare(machine: MachineUse) -> None:
    """Or one whose host takes cores away."""
    assert names(run(backlog=50_000, machine=machine)) == ["the machine"]


def test_events_that_are_not_read_although_there_is_room() -> None:
    """The slices have nothing to do, and Kafka has."""
    (limit,) = limits(run(slices=[SliceSample(use=busy(0.2), read=10)]))
    assert limit.what == "reading from Kafka"


def test_several_limits_are_named_together() -> None:
    """The slice's first: it is what an operator can have more of."""
    which = run(backlog=50_000, slices=[SliceSample(use=busy(0.95))], machine=MachineUse(1.0, 0.0))
    assert names(which) == ["the CPU of every slice", "the machine"]


def test_no_limit_is_invented() -> None:
    """A backlog without any of the proofs is called unexplained."""
    assert names(run(backlog=50_000)) == ["nothing that these figures prove"]


def test_a_run_that_was_not_measured() -> None:
    """Stopped at once, it has nothing to say."""
    assert names(replace(run(), samples=[])) == ["nothing was measured"]


def test_a_slice_that_does_not_answer() -> None:
    """Its figures are missing, and that is said."""
    assert names(run(slices=[SliceSample(answers=False, use=NOTHING, read=1)]))[0] == "a slice that did not answer"
