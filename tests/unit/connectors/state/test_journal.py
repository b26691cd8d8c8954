"""The journal: what it holds survives a crash of the process, and nothing that is torn is believed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.state.journal import DELIVERED, Entry, Journal
from connectors.state.journal_segment import read_segment
from connectors.state.lock import StateInUseError, lock_directory
from connectors.state.manifest import KEPT_SNAPSHOTS, Manifest
from flows.domain.event import Position

ENTRIES = st.lists(
    st.tuples(
        st.builds(
            Position,
            st.sampled_from(["events", "a.zip!b"]),
            st.integers(0, 3),
            st.integers(0, 2**40),
            st.integers(0, 5),
        ),
        st.sampled_from([None, "one", "two"]),
        st.integers(0, 2),
    ),
    unique=True,
    max_size=30,
)


def _entry(offset: int, sync: str | None = "one", partition: int = 0) -> Entry:
    return Position("events", partition, offset), sync, 0


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.journal"))


@given(entries=ENTRIES, flush_every=st.integers(1, 7))
def test_what_was_flushed_is_recalled_once_after_a_crash(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], flush_every: int
) -> None:
    """Every fate that was handed to the system is known to the next run, once; others are unknown."""
    directory = tmp_path_factory.mktemp("journal")
    crashed = Journal(directory)
    flushed: list[Entry] = []
    for place, entry in enumerate(entries, start=1):
        crashed.record(entry, DELIVERED if place % 2 else "rejected")
        if place % flush_every == 0:
            crashed.flush()
            flushed = entries[:place]
    following = Journal(directory)
    for place, entry in enumerate(entries, start=1):
        expected = (DELIVERED if place % 2 else "rejected") if entry in flushed else None
        assert following.recall(entry) == expected
        assert following.recall(entry) is None
    following.close()
    crashed.close()


@given(cut=st.integers(1, 400), junk=st.binary(max_size=20))
def test_a_torn_end_costs_only_what_was_torn(tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes) -> None:
    """Whatever is cut off or scribbled over the end, the frames before it are believed and nothing is invented."""
    directory = tmp_path_factory.mktemp("journal")
    journal = Journal(directory)
    for offset in range(10):
        journal.record(_entry(offset), DELIVERED)
        journal.flush()
    journal.close()
    (segment,) = _files(directory)
    content = segment.read_bytes()
    segment.write_bytes(content[: max(len(content) - cut, 0)] + junk)
    following = Journal(directory)
    known = [offset for offset in range(10) if following.recall(_entry(offset)) == DELIVERED]
    assert known == list(range(len(known)))
    assert len(following) == 0
    assert len(known) >= 10 - -(-cut // (len(content) // 10))
    following.close()


def _read_all(directory: Path) -> list[int]:
    return [record[2] for path in _files(directory) for record in read_segment(path)]


def test_segments_stay_for_three_snapshots_of_the_run_that_has_them(tmp_path: Path) -> None:
    """A crash before a snapshot is committed goes back to an older one, so that several are kept; older ones go."""
    released = {("events", 0): 2}
    journal = Journal(tmp_path)
    journal.record(_entry(1), DELIVERED)
    for _ in range(KEPT_SNAPSHOTS):
        journal.snapshot_taken(released)
    following = Journal(tmp_path)
    assert following.recall(_entry(1)) == DELIVERED
    for _ in range(KEPT_SNAPSHOTS - 1):
        following.snapshot_taken(released)
    third = Journal(tmp_path)
    assert third.recall(_entry(1)) == DELIVERED
    for _ in range(KEPT_SNAPSHOTS):
        third.snapshot_taken(released)
    assert Journal(tmp_path).recall(_entry(1)) is None


def test_a_segment_stays_until_everything_in_it_is_released(tmp_path: Path) -> None:
    """In the run that wrote it and in later ones, for any number of snapshots: every partition must have passed it."""
    journal = Journal(tmp_path)
    journal.record(_entry(5), DELIVERED)
    journal.record(_entry(7, partition=1), DELIVERED)
    for released in ({}, {("events", 0): 9}, {("events", 0): 9, ("events", 1): 7}):
        for _ in range(3 * KEPT_SNAPSHOTS):
            journal.snapshot_taken(released)
        assert _read_all(tmp_path) == [5, 7]
    journal.close()
    following = Journal(tmp_path)
    for _ in range(3 * KEPT_SNAPSHOTS):
        following.snapshot_taken({("events", 0): 6, ("events", 1): 7})
    assert len(following) == 2
    for _ in range(KEPT_SNAPSHOTS):
        assert _read_all(tmp_path) == [5, 7]
        following.snapshot_taken({("events", 0): 6, ("events", 1): 8})
    assert _read_all(tmp_path) == []


def test_nothing_new_is_no_new_segment(tmp_path: Path) -> None:
    """A stream that has nothing to do leaves one file, however often a snapshot is taken."""
    journal = Journal(tmp_path)
    for _ in range(9):
        journal.snapshot_taken({})
    assert len(_files(tmp_path)) == 1


def test_under_load_an_entry_takes_ten_bytes_at_the_most(tmp_path: Path) -> None:
    """An app's trouble keeps the group's offset back while another app's events pass: that must not fill the disk."""
    journal = Journal(tmp_path)
    for offset in range(0, 10_000 * 5, 5):
        journal.record(_entry(offset, partition=offset % 4), DELIVERED)
        if offset % 500 == 0:
            journal.flush()
    journal.close()
    (segment,) = _files(tmp_path)
    assert segment.stat().st_size <= 10 * 10_000


def test_a_partition_whose_offsets_begin_anew_is_forgotten(tmp_path: Path) -> None:
    """In a topic that was made again the same offsets are other events: they must be sent."""
    journal = Journal(tmp_path)
    for partition in (0, 1):
        journal.record(_entry(3, partition=partition), DELIVERED)
        journal.record(_entry(4, partition=partition), "rejected")
    journal.close()
    following = Journal(tmp_path)
    following.forget_partition("events", 0)
    assert following.recall(_entry(3)) is following.recall(_entry(4)) is None
    assert len(following) == 2
    assert following.recall(_entry(3, partition=1)) == DELIVERED
    assert following.recall(_entry(4, partition=1)) == "rejected"
    following.close()


def test_a_failed_write_loses_nothing_and_leaves_no_half_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk flush raises, and the next one that works writes all of it."""
    import os  # noqa: PLC0415 - only to break it

    journal = Journal(tmp_path)
    journal.record(_entry(1), DELIVERED)
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) > 8:
            return write(descriptor, data[:8])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("connectors.state.segment_log.os.write", half)
    with pytest.raises(OSError, match="No space"):
        journal.flush()
    monkeypatch.setattr("connectors.state.segment_log.os.write", write)
    journal.record(_entry(2), DELIVERED)
    journal.flush()
    following = Journal(tmp_path)
    assert following.recall(_entry(1)) == following.recall(_entry(2)) == DELIVERED


def test_a_directory_is_locked_against_a_second_process(tmp_path: Path) -> None:
    """The second lock is refused with the directory's name."""
    lock_directory(tmp_path)
    with pytest.raises(StateInUseError, match=tmp_path.name):
        lock_directory(tmp_path)


def test_a_full_disk_at_a_snapshot_or_at_the_end_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The segment stays as it is, what is released goes, and what could not be written is written when it can be."""
    journal = Journal(tmp_path)
    journal.record(_entry(1), DELIVERED)
    journal.snapshot_taken({("events", 0): 2})
    journal.record(_entry(2), DELIVERED)
    journal.flush()
    journal.record(_entry(3), DELIVERED)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("connectors.state.segment_log.os.write", refuse)
        full.setattr("connectors.state.segment_log.os.open", refuse)
        for _ in range(KEPT_SNAPSHOTS):
            journal.snapshot_taken({("events", 0): 2})
        assert _read_all(tmp_path) == [2]
    journal.snapshot_taken({("events", 0): 2})
    assert _read_all(tmp_path) == [2, 3]
    journal.record(_entry(4), DELIVERED)
    with monkeypatch.context() as full:
        full.setattr("connectors.state.segment_log.os.write", refuse)
        journal.close()
    assert _read_all(tmp_path) == [2, 3]


def test_while_the_manifest_cannot_be_written_a_segment_is_needed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshots that are kept then count from the last one at which it was needed."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    directory = tmp_path / "journal"
    journal = Journal(directory, Manifest(tmp_path))
    journal.record(_entry(1), DELIVERED)
    with monkeypatch.context() as full:
        full.setattr("connectors.state.manifest.write_checked", refuse)
        for _ in range(2 * KEPT_SNAPSHOTS):
            journal.snapshot_taken({})
    for _ in range(KEPT_SNAPSHOTS):
        assert _read_all(directory) == [1]
        journal.snapshot_taken({("events", 0): 2})
    assert _read_all(directory) == []
