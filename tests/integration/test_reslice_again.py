"""`reslice` from N slices to N: writes what is stored anew, and changes nothing of it, wherever it is broken off."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import quote

import pytest

from connectors.state.engine_store import read_store, stored_snapshot
from connectors.state.journal_segment import read_segment
from connectors.state.layout import PARTS, SOURCE, STAGING, Slices
from connectors.state.manifest import Listed, Manifest
from connectors.state.spill import Spill
from connectors.state.user_segments import StoredUser, read_log
from flows.commands.main import main
from flows.operations.rescale.handover import Handover
from tests.upgrade import scene

STATE: Final = Path(__file__).parents[1] / "upgrade" / "states" / "0.1.0.tar.xz"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with the state of one slice: held, unfinished, set aside and delivered events."""
    monkeypatch.setattr("os.sync", lambda: None)  # of the whole machine, which others write to
    with tarfile.open(STATE) as packed:
        packed.extractall(tmp_path, filter="data")
    text = scene.SETTINGS.format(bootstrap="localhost:1", url="http://localhost:2")
    (tmp_path / "stream.toml").write_text(text, encoding="utf-8")
    # Once, so that users are stored as this version stores them: test_upgrade.py has what becomes of an earlier one's.
    assert Handover(Slices([tmp_path / "state"]), 1, 1).run() is not None
    return tmp_path


def _stored(directory: Path) -> list[str]:
    """Return all that a slice's state says, whatever its files are called."""
    return sorted(map(repr, _everything(directory)))


def _everything(directory: Path) -> Iterator[Any]:
    for step, key, state in read_store(directory / "recovery"):
        if step == "stream.identify":
            users: dict[str, StoredUser | None] = {}
            read_log(directory / "users" / state[2], state[3], users.__setitem__)
            yield from users.items()
        elif step == "stream.deliver":
            yield from ((step, item) for item in state[1])
            for lane, mark in state[2].items():
                spill = Spill(directory / "overflow" / quote(lane, safe=""), mark)
                yield from ((lane, item) for item in spill.peek())
                spill.close()
        else:
            yield step, key, state
    for segment in sorted((directory / "journal").glob("*.journal")):
        yield from read_segment(segment)


def _files(directory: Path) -> set[tuple[int, int]]:
    files = (path.stat() for part in PARTS for path in (directory / part).rglob("*") if path.is_file())
    return {(each.st_ino, each.st_mtime_ns) for each in files}  # the number alone may be given to a new file


def _reslice(home: Path, before: int, after: int) -> int:
    return main(["reslice", "--settings", str(home / "stream.toml"), "--from", str(before), "--to", str(after)])


def test_one_slice_is_written_anew_as_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file is another one, and all that they say is the same; marks of replays stay."""
    state = home / "state"
    before, files = _stored(state), _files(state)
    marks = {path: path.read_bytes() for path in (state / "replay").rglob("*") if path.is_file()}
    assert len(before) > 150
    assert _reslice(home, 1, 1) == 0
    assert "1 → 1 slices" in capsys.readouterr().out
    assert _stored(state) == before
    assert not _files(state) & files
    assert {path: path.read_bytes() for path in marks} == marks
    assert not (state / STAGING).exists()


def test_two_slices_are_written_anew_as_two(home: Path) -> None:
    """Each keeps what it had, and what it told the group, which is of the old files, is not kept."""
    assert _reslice(home, 1, 2) == 0
    slices = [home / "state" / f"slice-{index}-of-2" for index in range(2)]
    before = [_stored(each) for each in slices]
    files = set().union(*map(_files, slices))
    (slices[0] / SOURCE).write_text("{}", encoding="utf-8")
    assert before[0] != before[1]
    assert _reslice(home, 2, 2) == 0
    assert [_stored(each) for each in slices] == before
    assert not files & set().union(*map(_files, slices))
    assert not (slices[0] / SOURCE).exists()


@pytest.mark.parametrize("renames", range(4))
def test_broken_off_anywhere_the_same_command_goes_on(home: Path, renames: int) -> None:
    """After each of the parts that it puts in place: nothing starts meanwhile, and the next run ends it."""
    state = home / "state"
    before = _stored(state)
    done = 0
    real = Path.rename

    def breaks(path: Path, target: Path) -> Path:
        nonlocal done
        if path.parent.parent.name == STAGING:
            done += 1
            if done > renames:
                raise OSError(5, "the machine is gone")
        return real(path, target)

    places = Slices([state])
    with patch.object(Path, "rename", breaks), pytest.raises(OSError, match="the machine is gone"):
        Handover(places, 1, 1).run()
    assert main(["run", "--settings", str(home / "stream.toml")]) == 2  # it would lose what is staged
    assert Handover(places, 1, 1).run() is None
    assert _stored(state) == before
    assert not (state / STAGING).exists()


def test_broken_off_before_everything_is_on_the_disk_nothing_is_changed(home: Path) -> None:
    """The old state is as it was, and the next run begins anew."""
    state = home / "state"
    before = _stored(state)
    with (
        patch("os.sync", side_effect=OSError(28, "the disk is full")),
        pytest.raises(OSError, match="the disk is full"),
    ):
        Handover(Slices([state]), 1, 1).run()
    assert _stored(state) == before
    assert Handover(Slices([state]), 1, 1).run() is not None
    assert _stored(state) == before


def test_broken_off_while_it_notes_that_everything_is_prepared_the_next_run_begins_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note of which only a part is there would be of no slices."""
    state = home / "state"
    before = _stored(state)

    def refuse(_: int) -> None:
        raise OSError(28, "the disk is full")

    with monkeypatch.context() as full:
        full.setattr("os.sync", lambda: full.setattr("os.fsync", refuse))  # from when it is prepared
        with pytest.raises(OSError, match="the disk is full"):
            Handover(Slices([state]), 1, 1).run()
    assert not Slices([state]).ready.exists()
    assert _stored(state) == before
    assert Handover(Slices([state]), 1, 1).run() is not None
    assert _stored(state) == before


def test_a_journal_that_lacks_a_file_is_not_dealt_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once it was dealt out, nobody could tell any more that a file was missing."""
    state = home / "state"
    segment = next(path for path in sorted((state / "journal").glob("*.journal")) if path.stat().st_size)
    listed = Manifest(state, stored_snapshot(read_store(state / "recovery")))
    listed.next_snapshot()
    listed.write({segment.name: Listed(segment.stat().st_size, zlib.crc32(segment.read_bytes()), is_closed=True)})
    taken = segment.read_bytes()
    segment.unlink()
    before = _stored(state)
    assert _reslice(home, 1, 1) != 0
    assert f"{segment} is missing" in capsys.readouterr().err
    assert _stored(state) == before
    segment.write_bytes(taken[:-1] + b"?")
    assert _reslice(home, 1, 1) != 0
    assert f"{segment} is not what was written" in capsys.readouterr().err
