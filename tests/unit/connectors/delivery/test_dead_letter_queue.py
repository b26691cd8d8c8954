"""The dead-letter queue: letters are written in order, as often as it takes, and reported when they are durable."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Event
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dead_letters import LettersUnavailableError
from connectors.delivery.dead_letter_queue import DeadLetterQueue
from flows.domain.fate import DeadLetter
from tests.fixtures.examples import examples
from tests.fixtures.letters import letter

PATIENCE_SECONDS = 10
NEVER_SECONDS = 3600.0


class FakeWriter:
    """Fails as often as it is told, before each batch that it takes."""

    def __init__(self, failures: list[int]) -> None:
        self.failures = failures
        self.batches: list[list[DeadLetter]] = []
        self.tried = 0
        self.failing = Event()
        self.closed = False

    def write(self, letters: list[DeadLetter]) -> None:
        """Take them all, or none."""
        self.tried += 1
        if self.failures and self.failures[0] > 0:
            self.failures[0] -= 1
            self.failing.set()
            raise LettersUnavailableError("the disk is full")
        self.failures = self.failures[1:]
        self.batches.append(list(letters))

    def close(self) -> None:
        """Note it."""
        self.closed = True


class FakeOutbox:
    """Keeps letters, and tells which are written."""

    def __init__(self, written: Callable[[DeadLetter], None]) -> None:
        self.letters: deque[DeadLetter] = deque()
        self.letters_arrived = Event()
        self._written = written

    def submit(self, letters: Iterable[DeadLetter]) -> None:
        self.letters.extend(letters)
        self.letters_arrived.set()

    def written(self, letters: list[DeadLetter]) -> None:
        for each in letters:
            self._written(each)


def submit(dead_letter_queue: DeadLetterQueue, letters: Iterable[DeadLetter]) -> None:
    outbox: Any = dead_letter_queue._outbox
    outbox.submit(letters)


@contextmanager
def a_dead_letter_queue(
    writer: FakeWriter, written: Callable[[DeadLetter], None], first_wait_seconds: float = 1e-6
) -> Iterator[DeadLetterQueue]:
    dead_letter_queue = DeadLetterQueue(cast("Any", FakeOutbox(written)), writer, first_wait_seconds)
    try:
        yield dead_letter_queue
    finally:
        dead_letter_queue.close()


@examples(50)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8),
    st.lists(st.integers(0, 4), max_size=8),
)
def test_every_letter_is_written_once_in_order_however_often_the_writer_fails(
    sizes: list[int], failures: list[int]
) -> None:
    """Nothing is dropped, nothing overtakes, and `written` is called for each when it is durable."""
    letters = list(map(letter, range(sum(sizes))))
    reported: Queue[DeadLetter] = Queue()
    writer = FakeWriter(list(failures))
    durable_first: list[bool] = []

    def written(letter: DeadLetter) -> None:
        durable_first.append(any(letter in batch for batch in writer.batches))
        reported.put(letter)

    with a_dead_letter_queue(writer, written) as dead_letter_queue:
        remaining = iter(letters)
        for size in sizes:
            submit(dead_letter_queue, [next(remaining) for _ in range(size)])
        got = [reported.get(timeout=PATIENCE_SECONDS) for _ in letters]
    assert got == letters
    assert [letter for batch in writer.batches for letter in batch] == letters
    assert all(durable_first)
    assert dead_letter_queue.error is None
    assert writer.closed


def test_it_says_why_it_waits_and_that_it_does_no_longer() -> None:
    reported: Queue[DeadLetter] = Queue()
    writer = FakeWriter([10**9])
    with a_dead_letter_queue(writer, reported.put) as dead_letter_queue:
        assert dead_letter_queue.waits_for is None
        submit(dead_letter_queue, [letter(1)])
        assert writer.failing.wait(PATIENCE_SECONDS)
        while dead_letter_queue._thread.is_alive() and not dead_letter_queue.waits_for:
            time.sleep(0.001)
        assert dead_letter_queue.waits_for == "the disk is full"
        writer.failures = [0]
        reported.get(timeout=PATIENCE_SECONDS)
        assert dead_letter_queue.waits_for is None


def test_the_wait_doubles_up_to_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: Queue[DeadLetter] = Queue()
    waits: list[float] = []
    with a_dead_letter_queue(FakeWriter([9]), reported.put, 0.1) as dead_letter_queue:

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            return False

        monkeypatch.setattr(dead_letter_queue._closing, "wait", wait)
        submit(dead_letter_queue, [letter(1)])
        reported.get(timeout=PATIENCE_SECONDS)
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10])


def test_the_wait_begins_again_with_the_next_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: Queue[DeadLetter] = Queue()
    waits: list[float] = []
    with a_dead_letter_queue(FakeWriter([3, 2]), reported.put, 0.1) as dead_letter_queue:

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            return False

        monkeypatch.setattr(dead_letter_queue._closing, "wait", wait)
        for number in range(2):
            submit(dead_letter_queue, [letter(number)])
            reported.get(timeout=PATIENCE_SECONDS)
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.1, 0.2])


def test_closing_does_not_wait_for_a_writer_in_trouble() -> None:
    """What is not written stays unreported: it is in the sink's snapshot and comes again."""
    reported: Queue[DeadLetter] = Queue()
    writer = FakeWriter([10**9])
    with a_dead_letter_queue(writer, reported.put, NEVER_SECONDS) as dead_letter_queue:
        submit(dead_letter_queue, map(letter, range(3)))
        assert writer.failing.wait(PATIENCE_SECONDS)
        began = time.monotonic()
        dead_letter_queue.close()
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert reported.empty()
    assert writer.batches == []
    assert writer.closed


def test_batches_are_bounded() -> None:
    """So that one write of a flood of letters stays short."""
    reported: Queue[DeadLetter] = Queue()
    writer = FakeWriter([])
    letters = list(map(letter, range(1201)))
    with a_dead_letter_queue(writer, reported.put) as dead_letter_queue:
        submit(dead_letter_queue, letters)
        assert [reported.get(timeout=PATIENCE_SECONDS) for _ in letters] == letters
    assert max(map(len, writer.batches)) <= 500


class BrokenWriter(FakeWriter):
    """Fails in a way that nobody foresaw."""

    def write(self, letters: list[DeadLetter]) -> None:
        """Raise."""
        raise ZeroDivisionError(len(letters))


def test_an_unforeseen_failure_is_kept_for_the_flow_to_raise() -> None:
    """The thread ends, nothing is reported as written, and the writer is let go."""
    reported: Queue[DeadLetter] = Queue()
    writer = BrokenWriter([])
    with a_dead_letter_queue(writer, reported.put) as dead_letter_queue:
        submit(dead_letter_queue, [letter(1)])
        dead_letter_queue._thread.join(PATIENCE_SECONDS)
        assert isinstance(dead_letter_queue.error, ZeroDivisionError)
    assert reported.empty()
    assert writer.closed


def test_a_failure_of_who_is_told_is_kept_as_well() -> None:
    """A ledger error must stop the process, not the letters silently."""

    def written(_: DeadLetter) -> None:
        raise RuntimeError("not open")

    with a_dead_letter_queue(FakeWriter([]), written) as dead_letter_queue:
        submit(dead_letter_queue, [letter(1)])
        dead_letter_queue._thread.join(PATIENCE_SECONDS)
        assert isinstance(dead_letter_queue.error, RuntimeError)


def test_closing_an_idle_dead_letter_queue_ends_its_thread() -> None:
    writer = FakeWriter([])
    with a_dead_letter_queue(writer, Queue[DeadLetter]().put) as dead_letter_queue:
        pass
    assert not dead_letter_queue._thread.is_alive()
    assert writer.closed
