"""A sample: what everything was at, once a second."""

from dataclasses import dataclass
from typing import Any, Self

from tests.tools.load.meter import NOTHING, MachineUse, Use


@dataclass(frozen=True, slots=True)
class SliceSample:
    """One slice. Counts are since its start."""

    read: int = 0
    delivered: int = 0
    waiting_to_go: int = 0
    """Events in windows, and with the sink: read and not final, apart from those that wait for an identifier."""
    held: int = 0
    users: int = 0
    in_flight: int = 0
    waiting: int = 0
    """Requests that could go but for circuit, rate or concurrency."""
    rate_limit: float = 0.0
    """The least of its apps' limits, in requests per second; 0 is none."""
    concurrency_limit: int = 0
    circuit_closed: bool = True
    why: tuple[str, ...] = ()
    """What keeps it from delivering, in its own words."""
    answers: bool = True
    """Whether it has answered when it was asked."""
    use: Use = NOTHING

    @classmethod
    def of(cls, status: dict[str, Any] | None, use: Use) -> Self:
        """Return the sample of a slice's /status; None where it did not answer."""
        if status is None:
            return cls(answers=False, use=use)
        syncs = [each for each in status["syncs"] if each["enabled"]]
        apps = [app for sync in syncs for app in sync["apps"]]
        return cls(
            read=status["read"],
            delivered=sum(each["delivered"] for each in syncs),
            waiting_to_go=status["in_windows"] + status["unfinished"],
            held=status["held"],
            users=status["users"],
            in_flight=sum(each["in_flight"] for each in apps),
            waiting=sum(each["waiting"] for each in apps),
            rate_limit=min((each["rate_limit"] for each in apps if each["rate_limit"]), default=0.0),
            concurrency_limit=max((each["concurrency_limit"] for each in apps), default=0),
            circuit_closed=all(each["circuit"] == "closed" for each in apps),
            why=tuple(status["why"]),
            use=use,
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything at one moment."""

    at_s: float
    """Seconds since the first event was due."""
    taken: int
    """Events that the broker has taken."""
    behind: int
    """Events that were due and that the generator had not sent."""
    answered: int
    """Requests that the endpoint has answered."""
    latency_ms: tuple[int | None, int | None]
    """The median and the 99th percentile of what was answered since the last sample."""
    slices: tuple[SliceSample, ...]
    generator: Use
    endpoint: Use
    broker: Use | None
    """None where it is none of our processes."""
    machine: MachineUse

    @property
    def read(self) -> int:
        """Events that all slices have read."""
        return sum(each.read for each in self.slices)

    @property
    def backlog(self) -> int:
        """Events that the broker has taken and that are not final, apart from those that wait for an identifier."""
        return max(self.taken - self.read, 0) + sum(each.waiting_to_go for each in self.slices)
