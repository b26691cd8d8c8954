"""The result of a load test: what was measured, before anybody words it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.tools.load.latencies import merged, percentile
from tests.tools.load.limits import Limit, Run, limits
from tests.tools.load.plan import Plan
from tests.tools.load.sample import Sample


@dataclass(frozen=True, slots=True)
class Parts:
    """What the test was made of, in words."""

    broker: str
    endpoint: str
    endpoint_processes: int
    machine: str
    cores: int
    version: str


@dataclass(slots=True)
class Result:
    """What was measured."""

    plan: Plan
    parts: Parts
    started: datetime
    samples: list[Sample] = field(default_factory=list)
    latencies: list[Counter[int]] = field(default_factory=list)
    """Of each sample: the latencies in ms of what was answered since the one before."""
    sent: int = 0
    taken: int = 0
    """Events that the broker has taken."""
    produced_seconds: float = 0.0
    """From the first event that was due to the last one sent."""
    answered: int = 0
    unnumbered: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    mean_answer_ms: float | None = None
    summaries: Sequence[dict[str, Any]] = ()
    crashed: Sequence[str] = ()
    """The slices that did not stop cleanly, with their exit codes and last words."""
    ended: str = ""
    """Why it did not end as planned; empty where it did."""

    @property
    def produced_rate(self) -> float:
        """Events per second that were produced."""
        return self.taken / self.produced_seconds if self.produced_seconds else 0.0

    @property
    def while_produced(self) -> list[Sample]:
        """The samples of the time in which events were produced."""
        return [each for each in self.samples if each.at_s <= self.produced_seconds]

    @property
    def looked_at(self) -> list[Sample]:
        """The samples that show what the stream does: while events are produced, or until all are delivered.

        The latter where they are produced as fast as can be, for that is over long before.
        """
        busy = [each for each in self.samples if each.backlog] if not self.plan.rate else self.while_produced
        return busy or self.samples

    @property
    def is_delivered(self) -> bool:
        """Whether nothing is under way any more, seen twice: an event may be between two of the places looked at."""
        last = self.samples[-2:]
        return len(last) == 2 and all(each.backlog == 0 and each.taken == each.read for each in last)

    @property
    def whole(self) -> Counter[int]:
        """Every latency."""
        return merged(self.latencies)

    def percentile_ms(self, share: float) -> int | None:
        """Return a percentile of all latencies."""
        return percentile(self.whole, share)

    @property
    def answered_rate(self) -> float:
        """Requests per second that were answered, from the first second with any to the last one."""
        moving = [each for before, each in zip(self.samples, self.samples[1:], strict=False)
                  if each.answered > before.answered]  # fmt: skip
        if len(moving) < 2:
            return self.answered / max(self.produced_seconds, 1.0)
        return (moving[-1].answered - moving[0].answered) / max(moving[-1].at_s - moving[0].at_s, 1e-6)

    def limits(self) -> list[Limit]:
        """Return what limited it."""
        run = Run(
            rate=self.plan.mean_rate,
            produced_rate=self.produced_rate,
            answered_rate=self.answered_rate,
            samples=self.looked_at,
            endpoint_processes=self.parts.endpoint_processes,
            cores=self.parts.cores,
            mean_answer_ms=self.mean_answer_ms,
        )
        return limits(run)
