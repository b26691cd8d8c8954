"""The spill: a queue on disk that is exactly where a snapshot says, whatever came after."""

import tempfile
from collections import deque
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connectors.state import spill as module
from connectors.state.manifest import KEPT_SNAPSHOTS
from connectors.state.spill import EMPTY, Spill, SpillMark
from tests.fixtures.examples import examples


class SpillMachine(RuleBasedStateMachine):
    """Against a deque: append, take, snapshot, and a crash that goes back to one of the snapshots that are kept."""

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

    @rule(back=st.integers(1, KEPT_SNAPSHOTS))
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


@pytest.mark.parametrize("refused", ["os.fdatasync", "os.open"])
def test_what_the_disk_refuses_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """Also where it refuses to end a segment or to begin the next one: the item would be in two places."""

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    spill = Spill(tmp_path)
    kept: list[int] = []
    for number in range(20):
        with monkeypatch.context() as full:
            full.setattr(refused, refuse)
            with suppress(OSError):
                spill.append((number, b"x" * 100))
                kept.append(number)
        assert spill.size == len(kept)
    spill.append((20, b""))
    mark = spill.mark()
    spill.close()
    with closing(Spill(tmp_path, mark)) as again:
        assert [number for number, _ in again.take(100)] == [*kept, 20]


def test_a_mark_keeps_what_its_snapshot_needs_whatever_is_taken_then_and_removes_what_none_needs(
    tmp_path: Path,
) -> None:
    spill = Spill(tmp_path)
    for number in range(40):
        spill.append((number, b"x" * 100))
    marks: list[SpillMark] = []
    for _ in range(KEPT_SNAPSHOTS + 2):
        marks.append(spill.mark())
        spill.take(5)
    spill.close()
    needed = marks[-KEPT_SNAPSHOTS]
    assert 0 < needed[0][0] == min(int(each.stem) for each in tmp_path.iterdir())
    with closing(Spill(tmp_path, needed)) as again:
        assert [number for number, _ in again.take(100)] == [*range(10, 40)]
