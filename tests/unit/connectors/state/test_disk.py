"""The state disk: reading stops while room for snapshots is left, and goes on when there is room again."""

from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from connectors.state.disk import BALLAST_BYTES, LEAST_BYTES, RESERVE_BYTES, StateDisk, await_room
from connectors.state.layout import BALLAST

BIG = 100 * RESERVE_BYTES


class _Space(NamedTuple):
    f_frsize: int
    f_blocks: int
    f_bavail: int


class _Disk:
    """A disk of a given size, with a clock; the ballast takes room on it as it does on a real one."""

    def __init__(self, directory: Path, whole: int, free: int) -> None:
        self.directory, self.whole, self.free = directory, whole, free
        self.now_s = 0.0
        self.state = StateDisk(directory, self.space, lambda: self.now_s)

    def space(self, _path: Path) -> _Space:
        ballast = self.ballast.stat().st_size if self.ballast.exists() else 0
        return _Space(1, self.whole, self.free - ballast)

    @property
    def ballast(self) -> Path:
        return self.directory / BALLAST

    def has_room(self, free: int) -> bool:
        self.free = free
        self.now_s += 1
        return self.state.has_room()


def test_reading_stops_below_the_reserve_and_goes_on_above(tmp_path: Path) -> None:
    """Each change is said once, with what to do."""
    disk = _Disk(tmp_path, BIG, BIG)
    with capture_logs() as logs:
        assert disk.has_room(BIG)
        assert not logs
        assert not disk.has_room(RESERVE_BYTES - 1)
        assert not disk.has_room(RESERVE_BYTES - 1)
        assert [entry["event"] for entry in logs] == [
            "the state disk is nearly full; nothing more is read until it has room"
        ]
        assert disk.has_room(BIG)
    assert logs[-1]["event"] == "the state disk has room again; going on"
    assert not disk.ballast.exists()


def test_a_reminder_comes_every_minute(tmp_path: Path) -> None:
    """Who looks into the log later sees it, too."""
    disk = _Disk(tmp_path, BIG, 0)
    with capture_logs() as logs:
        for _ in range(180):
            assert not disk.has_room(0)
    assert len(logs) == 3


def test_it_looks_ten_times_a_second_at_the_most(tmp_path: Path) -> None:
    """Between two looks asking costs nothing."""
    disk = _Disk(tmp_path, BIG, BIG)
    assert disk.state.has_room()
    disk.free = 0
    assert disk.state.has_room()
    disk.now_s += 0.2
    assert not disk.state.has_room()


def test_the_ballast_is_laid_when_it_becomes_tight_and_given_up_when_the_rest_is_taken(tmp_path: Path) -> None:
    """What it frees is for snapshots: nothing is read into it, and it is laid again before reading goes on."""
    disk = _Disk(tmp_path, BIG, BIG)
    tight = RESERVE_BYTES + 2 * BALLAST_BYTES
    assert disk.has_room(tight)
    assert disk.ballast.stat().st_size == BALLAST_BYTES
    assert not disk.has_room(BALLAST_BYTES + 10)  # something else has taken all but ten bytes
    assert not disk.ballast.exists()
    assert not disk.has_room(RESERVE_BYTES + 10)
    assert disk.has_room(tight)
    assert disk.ballast.exists()


@pytest.mark.parametrize("whole", [8_000_000, 200_000_000])
def test_of_a_small_disk_it_asks_for_a_part_only(tmp_path: Path, whole: int) -> None:
    """A quarter of the disk stops the reading, an eighth is the ballast."""
    disk = _Disk(tmp_path, whole, whole)
    assert disk.has_room(whole)
    assert disk.ballast.stat().st_size == whole // 8
    assert disk.has_room(whole // 4 + whole // 8)
    assert not disk.has_room(whole // 4 + whole // 8 - 1)


def test_a_start_waits_for_little_room_and_gives_up_the_ballast_for_it(tmp_path: Path) -> None:
    """What is pending can go out, and so can free what fills the disk, where nothing more may be read."""
    disk = _Disk(tmp_path, BIG, BALLAST_BYTES)
    disk.ballast.write_bytes(bytes(BALLAST_BYTES))
    assert disk.state.may_start()
    assert not disk.ballast.exists()
    disk.free = LEAST_BYTES - 1
    with capture_logs() as logs:
        assert not disk.state.may_start()
    assert logs[0]["event"] == "the state disk is full; waiting for room before anything is started"
    assert not disk.has_room(BALLAST_BYTES)


def test_waiting_ends_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks again and again, and makes the directory."""
    answers = [False, False, True]
    monkeypatch.setattr(StateDisk, "may_start", lambda _self: answers.pop(0))
    slept: list[float] = []
    await_room(tmp_path / "state", slept.append)
    assert len(slept) == 2
    assert (tmp_path / "state").is_dir()


def test_who_looks_from_outside_sees_how_full_it_is(tmp_path: Path) -> None:
    """What is free as of now, and whether reading has stopped as of the last look."""
    disk = _Disk(tmp_path, BIG, BIG)
    assert disk.has_room(BIG)
    assert disk.state.room() == (BIG, RESERVE_BYTES, False)
    disk.free = RESERVE_BYTES - 1
    assert disk.state.room() == (RESERVE_BYTES - 1, RESERVE_BYTES, False)
    assert not disk.has_room(RESERVE_BYTES - 1)
    assert disk.state.room().is_full
