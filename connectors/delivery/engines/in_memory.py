"""The delivery engine without a network: each request is answered at once, by a function."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, Final

from connectors.ports import Answer, Completed, Endpoint

_ACCEPTED: Final = Answer(200, "OK", 0.0)


def accept(_endpoint: Endpoint, _body: bytes) -> Answer:
    """Answer as AppsFlyer does where it takes the event."""
    return _ACCEPTED


class InMemoryEngine:
    """Keeps to the contract of `DeliveryEngine`; for tests, and for runs that are to send nothing."""

    def __init__(self, answer: Callable[[Endpoint, bytes], Answer] = accept) -> None:
        self._answer = answer
        self._lanes: dict[int, Endpoint] = {}
        self._lanes_opened = 0
        self._submitted: list[tuple[Any, Endpoint, bytes]] = []
        self._woken = Event()

    @property
    def in_flight(self) -> int:
        """How many requests were submitted and not yet completed."""
        return len(self._submitted)

    def open_lane(self, endpoint: Endpoint) -> int:
        """Return the number of a new lane."""
        self._lanes_opened += 1
        self._lanes[self._lanes_opened] = endpoint
        return self._lanes_opened

    def close_lane(self, lane: int) -> None:
        """Let go of a lane."""
        del self._lanes[lane]

    def submit(self, requests: Sequence[tuple[Any, int, bytes]], *, alone: bool = False) -> None:  # noqa: ARG002 - nothing is shared
        """Take requests; the next `completed` returns their answers."""
        self._submitted += [(request, self._lanes[lane], body) for request, lane, body in requests]

    def completed(self, longest_seconds: float) -> Completed:
        """Return the answers to all that was submitted; without any, wait until `wake` is called, at most so long."""
        if not self._submitted:
            self._woken.wait(max(longest_seconds, 0.0))
        self._woken.clear()
        completed = Completed([], [])
        for request, endpoint, body in self._submitted:
            answer = self._answer(endpoint, body)
            if (answer.status, answer.text) == (_ACCEPTED.status, _ACCEPTED.text):
                completed.delivered.append((request, answer.seconds))
            else:
                completed.others.append((request, answer))
        self._submitted.clear()
        return completed

    def wake(self) -> None:
        """End the wait of `completed`."""
        self._woken.set()

    def close(self) -> None:
        """Forget what was submitted."""
        self._submitted.clear()
