"""Retries: what waits for its next attempt, by when that is due."""

import heapq

from connectors.delivery.in_flight import InFlight


class Retries:
    """Time is given, in seconds of a steady clock. Used by the sender's thread; any may ask how many there are."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, InFlight]] = []
        self._sequence = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._heap)

    def add(self, due_s: float, in_flight: InFlight) -> None:
        """Keep one until it is due."""
        self._sequence += 1
        heapq.heappush(self._heap, (due_s, self._sequence, in_flight))

    def put_back(self, now_s: float) -> None:
        """Let what is due wait in its lane again."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            in_flight = heapq.heappop(heap)[2]
            in_flight.lane.waiting.append(in_flight)

    def wait_seconds(self, now_s: float, longest_seconds: float) -> float:
        """Return how long until the next is due, or the longest that is given where none waits."""
        return self._heap[0][0] - now_s if self._heap else longest_seconds
