"""The pace: how many events are due at any moment of a run, with a burst in its middle."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Events at a rate, faster for a while. The rate is open-loop: whoever cannot follow falls behind."""

    events: int
    rate: float
    """Events per second; 0 is everything at once."""
    burst: float = 1.0
    burst_seconds: float = 0.0

    @property
    def burst_begins_s(self) -> float:
        """When the burst begins: so that as many events come before it as after it."""
        around = self.events - self.rate * self.burst * self.burst_seconds
        return max(around, 0.0) / 2 / self.rate if self.rate else 0.0

    @property
    def ends_s(self) -> float:
        """When the last event is due."""
        if not self.rate:
            return 0.0
        begins, burst_rate = self.burst_begins_s, self.rate * self.burst
        rest = self.events - self.rate * begins
        if rest <= burst_rate * self.burst_seconds:
            return begins + rest / burst_rate
        return begins + self.burst_seconds + (rest - burst_rate * self.burst_seconds) / self.rate

    def due(self, elapsed_s: float) -> int:
        """Return how many events are due so long after the start."""
        if not self.rate:
            return self.events
        in_burst = min(max(elapsed_s - self.burst_begins_s, 0.0), self.burst_seconds)
        # Binary fractions would leave the last event due a moment after the end.
        return min(int(self.rate * (elapsed_s + (self.burst - 1) * in_burst) + 1e-6), self.events)
