"""The spill: a queue on disk that is exactly where a snapshot says, whatever came after."""

import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connectors.state import spill as module
from connectors.state.spill import EMPTY, Spill, SpillMark
from tests.fixtures.examples import examples


class SpillMachine(RuleBasedStateMachine):
    """Against a deque: append, take, snapshot, and a crash that goes back to the last or the last but one snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self._place = tempfile.TemporaryDirectory()
        self.queue = Spill(Path(self._place.name))
        self.model: deque[tuple[Any, ...]] = deque()
        self.snapshots: list[tuple[SpillMark, list[tuple[Any, ...]]]] = [(EMPTY, [])]
        self.count = 0

    @rule(size=st.integers(0, 120))
    def append(self, size: int) -> None:
        self.count += 1
        item = (self.count, b"x" * size)
        self.queue.append(item)
        self.model.append(item)

    @rule(most=st.integers(0, 5))
    def take(self, most: int) -> None:
        expected = [self.model.popleft() for _ in range(min(most, len(self.model)))]
        assert self.queue.take(most) == expected

    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.queue.mark(), list(self.model)))
        self.queue.snapshot_taken()

    @rule(back=st.integers(1, 2))
    def crash(self, back: int) -> None:
        self.queue.close()
        mark, items = self.snapshots[-min(back, len(self.snapshots))]
        self.queue = Spill(Path(self._place.name), mark)
        self.model = deque(items)
        self.snapshots = [(mark, items)]

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert self.queue.size == len(self.model)
        assert list(self.queue.peek()) == list(self.model)

    def teardown(self) -> None:
        self.queue.close()
        self._place.cleanup()


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SEGMENT_BYTES", 300)


SpillMachine.TestCase.settings = examples(60, stateful_step_count=40)
TestSpill = SpillMachine.TestCase
