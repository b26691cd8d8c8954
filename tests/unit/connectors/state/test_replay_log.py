"""Marks: what a replay has brought to an end is not sent again by any later one."""

import resource
from pathlib import Path

import pytest

from connectors.state.journal import DELIVERED, Entry
from connectors.state.manifest import Manifest
from connectors.state.replay_log import ReplayLog
from flows.domain.event import Position

ENTRY: Entry = (Position("events", 1, 2, 3), "production", 0)
REFUSED: Entry = (Position("events", 1, 3), None, 0)


def mark(directory: Path, run: str, *ends: tuple[Entry, int, str]) -> None:
    marks = ReplayLog(directory, run)
    for entry, replays, fate in ends:
        marks.record(entry, replays, fate)
    marks.close()


def test_what_was_delivered_is_ended_for_every_letter_of_it(tmp_path: Path) -> None:
    mark(tmp_path, "one", (ENTRY, 1, DELIVERED))
    marks = ReplayLog(tmp_path, "two")
    assert all(marks.is_ended(ENTRY, replays) for replays in (0, 1, 9))
    assert not marks.is_ended((ENTRY[0], "other", 0), 0)
    assert not marks.is_ended((ENTRY[0], "production", 1), 0)


def test_a_dead_letter_again_is_ended_but_not_the_letter_that_it_became(tmp_path: Path) -> None:
    mark(tmp_path, "one", (REFUSED, 1, "undecodable"))
    marks = ReplayLog(tmp_path, "two")
    assert marks.fate(REFUSED, 0) == "undecodable"
    assert marks.fate(REFUSED, 1) is None
    marks.record(REFUSED, 2, "undecodable")
    assert marks.is_ended(REFUSED, 1)


def test_a_later_refusal_takes_no_delivery_back(tmp_path: Path) -> None:
    mark(tmp_path, "one", (ENTRY, 1, DELIVERED))
    mark(tmp_path, "two", (ENTRY, 2, "rejected"))
    assert ReplayLog(tmp_path, "three").fate(ENTRY, 5) == DELIVERED


def test_again_sees_only_what_this_run_did_before_it_was_interrupted(tmp_path: Path) -> None:
    mark(tmp_path, "one", (ENTRY, 1, DELIVERED))
    mark(tmp_path, "two", (REFUSED, 1, "undecodable"))
    marks = ReplayLog(tmp_path, "two", again=True)
    assert not marks.is_ended(ENTRY, 0)
    assert marks.is_ended(REFUSED, 0)
    assert marks.of_this_run == {REFUSED}
    assert ReplayLog(tmp_path, "two").of_this_run == {REFUSED}


def test_a_torn_end_costs_only_itself(tmp_path: Path) -> None:
    marks = ReplayLog(tmp_path, "one")
    marks.record(ENTRY, 1, DELIVERED)
    marks.flush()
    marks.record(REFUSED, 1, "undecodable")
    marks.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    again = ReplayLog(tmp_path, "two")
    assert again.is_ended(ENTRY, 0)
    assert not again.is_ended(REFUSED, 0)
    again.record(REFUSED, 1, "undecodable")
    again.close()
    assert ReplayLog(tmp_path, "three").is_ended(REFUSED, 0)


def test_nothing_is_written_where_nothing_ended(tmp_path: Path) -> None:
    marks = ReplayLog(tmp_path / "marks", "one")
    marks.flush()
    marks.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_full_disk_refused_is_written_by_the_next_flush(tmp_path: Path) -> None:
    marks = ReplayLog(tmp_path, "one")
    marks.record(ENTRY, 1, DELIVERED)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # stands in for a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            marks.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    marks.close()
    assert ReplayLog(tmp_path, "two").is_ended(ENTRY, 0)


def test_a_manifest_that_a_full_disk_refused_is_written_by_the_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of marks is there by then, and is not begun a second time."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    marks = ReplayLog(tmp_path / "marks", "one", manifest=Manifest(tmp_path, has_recovery=False))
    marks.record(ENTRY, 1, DELIVERED)
    with monkeypatch.context() as full:
        full.setattr("connectors.state.manifest.write_checked", refuse)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                marks.flush()
    marks.close()
    again = ReplayLog(tmp_path / "marks", "two", manifest=Manifest(tmp_path, has_recovery=False))
    assert again.is_ended(ENTRY, 0)
