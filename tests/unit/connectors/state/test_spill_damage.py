"""An spill that is not what was written is refused, whatever was done to it; and nothing of it is changed then."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.state import spill as module
from connectors.state.damage import DamagedStateError
from connectors.state.spill import Spill, SpillMark
from tests.fixtures.examples import examples

ITEMS: list[tuple[Any, ...]] = [(number, b"x" * 40) for number in range(30)]
SAID = r"overflow.*put it back as it was, or move recovery, users, overflow and manifest\.json out of the state"


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SEGMENT_BYTES", 700)


def _written(directory: Path) -> SpillMark:
    """Write three segments, of which some of the first is read; and behind the snapshot, some that it does not need."""
    shutil.rmtree(directory, ignore_errors=True)
    queue = Spill(directory)
    for item in ITEMS[:-5]:
        queue.append(item)
    assert queue.take(3) == ITEMS[:3]
    mark = queue.mark()
    for item in ITEMS[-5:]:
        queue.append(item)
    queue.close()
    return mark


def _needed(directory: Path, mark: SpillMark) -> list[tuple[Path, int]]:
    """Return every byte that the snapshot relies on: its file and offset."""
    (first, begin), (last, end) = mark[:2]
    return [
        (path, offset)
        for number in range(first, last + 1)
        for path in [directory / f"{number:09d}.overflow"]
        for offset in range(begin if number == first else 0, end if number == last else path.stat().st_size)
    ]


def test_what_waits_is_there_again(tmp_path: Path) -> None:
    """Without what was written behind the snapshot, which comes again."""
    directory = tmp_path / "overflow"
    mark = _written(directory)
    queue = Spill(directory, mark)
    assert queue.take(100) == ITEMS[3:-5]
    queue.close()


def test_each_byte_that_is_flipped_is_noticed(tmp_path: Path) -> None:
    directory = tmp_path / "overflow"
    mark = _written(directory)
    for path, offset in _needed(directory, mark):
        content = path.read_bytes()
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 0x10]) + content[offset + 1 :])
        with pytest.raises(DamagedStateError, match=SAID):
            Spill(directory, mark)
        path.write_bytes(content)
    Spill(directory, mark).close()


@given(data=st.data())
@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_part_that_is_zeroed_or_cut_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    directory = tmp_path / "overflow"
    mark = _written(directory)
    path, offset = data.draw(st.sampled_from(_needed(directory, mark)))
    content = path.read_bytes()
    length = data.draw(st.integers(1, 200))
    kept = content[offset + length :] if data.draw(st.booleans()) else b""
    zeroed = content[:offset] + bytes(min(length, len(content) - offset)) + content[offset + length :]
    path.write_bytes(data.draw(st.sampled_from([content[:offset] + kept, zeroed])))
    if path.read_bytes() == content:
        return
    with pytest.raises(DamagedStateError, match=SAID):
        Spill(directory, mark)


def _remove_middle(directory: Path) -> None:
    (directory / "000000001.overflow").unlink()


def _swap(directory: Path) -> None:
    first, second = directory / "000000000.overflow", directory / "000000001.overflow"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def _cut_whole_frames(directory: Path) -> None:
    """Cut a segment in the middle of the queue where a frame ends: each frame that is left is whole."""
    path = directory / "000000001.overflow"
    content = path.read_bytes()
    path.write_bytes(content[: 8 + int.from_bytes(content[:4], "big")])


def _another_runs(directory: Path) -> None:
    """Put a file of the same shape with other events in the place of one."""
    other = Spill(directory.with_name("other"))
    for number, content in ITEMS:
        other.append((number, content.replace(b"x", b"y")))
    other.close()
    shutil.copy(directory.with_name("other") / "000000001.overflow", directory / "000000001.overflow")


def _foreign(directory: Path) -> None:
    (directory / "copy of 1.overflow").write_bytes(b"?")


@pytest.mark.parametrize("harm", [_remove_middle, _swap, _cut_whole_frames, _another_runs, shutil.rmtree])
def test_a_missing_or_foreign_file_is_noticed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    directory = tmp_path / "overflow"
    mark = _written(directory)
    harm(directory)
    with pytest.raises(DamagedStateError, match=SAID):
        Spill(directory, mark)


def test_a_file_that_no_stream_has_written_is_named(tmp_path: Path) -> None:
    directory = tmp_path / "overflow"
    mark = _written(directory)
    _foreign(directory)
    with pytest.raises(DamagedStateError, match=r"copy of 1\.overflow is no file of the stream's"):
        Spill(directory, mark)


def test_the_first_versions_mark_is_read(tmp_path: Path) -> None:
    """It knew only the places: a damaged frame is noticed by them, too."""
    directory = tmp_path / "overflow"
    mark = _written(directory)
    queue = Spill(directory, (mark[0], mark[1]))
    assert queue.size == len(ITEMS) - 8
    queue.close()
    path, offset = _needed(directory, mark)[-1]
    os.truncate(path, offset)
    with pytest.raises(DamagedStateError, match="is damaged at byte"):
        Spill(directory, (mark[0], mark[1]))


def test_a_file_that_is_damaged_while_it_runs_is_no_end_of_what_waits(tmp_path: Path) -> None:
    """What can be read is taken; then it is said, and what waits is not counted as taken."""
    directory = tmp_path / "overflow"
    queue = Spill(directory)
    for item in ITEMS:
        queue.append(item)
    os.truncate(directory / "000000001.overflow", 100)
    taken = queue.take(100)
    assert taken == ITEMS[: len(taken)]
    with pytest.raises(DamagedStateError, match="is damaged at byte"):
        queue.take(100)
    assert queue.size == len(ITEMS) - len(taken)
    queue.close()


def test_what_a_snapshot_relies_on_is_on_the_disk_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    queue = Spill(tmp_path / "overflow")
    queue.append(ITEMS[0])
    assert not synced
    mark = queue.mark()
    assert synced == [mark[1][1]]
    queue.mark()
    assert len(synced) == 1, "nothing was written since"
    queue.close()
