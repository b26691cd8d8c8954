"""The manifest: what is missing, an older copy or another stream's is noticed, and each refusal names the file."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from connectors.state.damage import DamagedStateError
from connectors.state.journal import DELIVERED, Journal
from connectors.state.layout import MANIFEST
from connectors.state.manifest import Manifest, Snapshot, read_listed
from flows.domain.event import Position

FATES = 6


def _run(directory: Path, stored: Snapshot | None, first: int = 0, *, crash: bool = False) -> Snapshot:
    """Run with a snapshot after each of some fates; return the last one."""
    manifest = Manifest(directory, stored)
    journal = Journal(directory / "journal", manifest)
    for offset in range(first, first + FATES):
        journal.record((Position("events", 0, offset), "one", 0), DELIVERED)
        journal.flush()
        stored = manifest.next_snapshot()
        journal.snapshot_taken({})
    if not crash:
        journal.close()
        manifest.ended()
    assert stored is not None
    return stored


def _start(directory: Path, stored: Snapshot | None) -> int:
    """Return how many fates a start knows."""
    journal = Journal(directory / "journal", Manifest(directory, stored))
    journal.close()
    return len(journal)


def _segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("journal/*.journal"))


@pytest.mark.parametrize("crash", [False, True])
def test_a_start_finds_what_was_written(tmp_path: Path, crash: bool) -> None:  # noqa: FBT001 - a parameter of a test
    last = _run(tmp_path, None, crash=crash)
    assert _start(tmp_path, last) == FATES


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("place", [0, FATES // 2, -1])
def test_a_missing_file_of_the_journal_is_named(tmp_path: Path, place: int, crash: bool) -> None:  # noqa: FBT001
    last = _run(tmp_path, None, crash=crash)
    path = _segments(tmp_path)[place]
    path.unlink()
    with pytest.raises(DamagedStateError, match=re.escape(str(path)) + " is missing; put it back.*manifest.json"):
        _start(tmp_path, last)


def test_the_whole_journal_missing_is_named(tmp_path: Path) -> None:
    last = _run(tmp_path, None)
    for path in _segments(tmp_path):
        path.unlink()
    (tmp_path / "journal").rmdir()
    with pytest.raises(DamagedStateError, match=r"\.journal is missing"):
        _start(tmp_path, last)


def _flip_each_byte(path: Path, check: Callable[[int], None]) -> None:
    content = path.read_bytes()
    for offset in range(len(content)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 4]) + content[offset + 1 :])
        check(offset)
    path.write_bytes(content)


def test_each_flipped_byte_of_a_file_that_is_closed_is_refused(tmp_path: Path) -> None:
    last = _run(tmp_path, None)
    path = _segments(tmp_path)[1]

    def refused(offset: int) -> None:
        with pytest.raises(DamagedStateError, match=re.escape(str(path))):
            _start(tmp_path, last)
        assert offset >= 0

    _flip_each_byte(path, refused)
    for harmed in (path.read_bytes()[:-1], b"", path.read_bytes() + b"\0", bytes(path.stat().st_size)):
        path.write_bytes(harmed)
        with pytest.raises(DamagedStateError, match=re.escape(str(path)) + " is not what was written"):
            _start(tmp_path, last)


def test_each_flipped_byte_of_the_file_that_a_crash_has_left_is_refused(tmp_path: Path) -> None:
    """It is not taken for an end that a crash has torn, also where the last frame is the one that is changed."""
    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)
    for offset in range(3):
        journal.record((Position("events", 0, offset), "one", 0), DELIVERED)
        journal.flush()
    (path,) = _segments(tmp_path)

    def refused(offset: int) -> None:
        with pytest.raises(DamagedStateError, match=re.escape(str(path))):
            _start(tmp_path, None)
        assert offset >= 0

    _flip_each_byte(path, refused)


@pytest.mark.parametrize("cut", [1, 9, 20])
def test_what_a_crash_tears_is_no_damage(tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(tmp_path / "journal", Manifest(tmp_path))
    for offset in range(3):
        journal.record((Position("events", 0, offset), "one", 0), DELIVERED)
        journal.flush()
    (path,) = _segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert _start(tmp_path, None) == 2
    assert "torn" in "".join(capsys.readouterr())


def test_another_states_file_is_refused(tmp_path: Path) -> None:
    """Also the one that a crash has left, of which the manifest knows no checksum."""
    _run(tmp_path / "other", None, crash=True)
    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)
    journal.record((Position("events", 0, 1), "one", 0), DELIVERED)
    journal.flush()
    (path,) = _segments(tmp_path)
    path.write_bytes(_segments(tmp_path / "other")[0].read_bytes())
    with pytest.raises(DamagedStateError, match=re.escape(str(path)) + " is of another state directory"):
        _start(tmp_path, None)


@pytest.mark.parametrize("crash", [False, True])
def test_a_recovery_store_that_went_back_is_refused(tmp_path: Path, crash: bool) -> None:  # noqa: FBT001
    """As SQLite does in silence where its write-ahead log is gone; no crash goes back by more than two."""
    last = _run(tmp_path, None, crash=crash)
    harmless = 2 if crash else 0
    assert _start(tmp_path, last._replace(number=last.number - harmless)) == FATES
    _run(tmp_path, last, first=FATES, crash=crash)
    for stored in (last._replace(number=2 * FATES - harmless - 1), None):
        with pytest.raises(DamagedStateError, match=r"recovery .*, and .*manifest\.json knows of snapshot.*-wal"):
            _start(tmp_path, stored)


def test_another_states_recovery_store_is_refused(tmp_path: Path) -> None:
    last = _run(tmp_path, None)
    with pytest.raises(DamagedStateError, match=r"manifest\.json and the recovery store .* are of different states"):
        _start(tmp_path, last._replace(state="0" * 16))


def test_a_missing_manifest_is_written_anew_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others tell by themselves that they are whole."""
    last = _run(tmp_path, None)
    (tmp_path / MANIFEST).unlink()
    assert _start(tmp_path, last) == FATES
    assert MANIFEST in "".join(capsys.readouterr())
    _segments(tmp_path)[0].unlink()
    with pytest.raises(DamagedStateError, match="is missing"):
        _start(tmp_path, last)


def test_each_flipped_byte_of_the_manifest_is_refused(tmp_path: Path) -> None:
    last = _run(tmp_path, None)
    path = tmp_path / MANIFEST

    def refused(offset: int) -> None:
        with pytest.raises(DamagedStateError, match=re.escape(str(path)) + " is damaged; put it back"):
            Manifest(tmp_path, last)
        assert offset >= 0

    _flip_each_byte(path, refused)
    for harmed in (b"", b"{}", b"[]", path.read_bytes()[:-3], bytes(path.stat().st_size)):
        path.write_bytes(harmed)
        with pytest.raises(DamagedStateError, match="is damaged"):
            Manifest(tmp_path, last)


def test_without_a_recovery_store_its_snapshots_do_not_count(tmp_path: Path) -> None:
    """Such a run has none, and stores none."""
    last = _run(tmp_path, None)
    manifest = Manifest(tmp_path, None, has_recovery=False)
    journal = Journal(tmp_path / "journal", manifest)
    for _ in range(9):
        manifest.next_snapshot()
        journal.snapshot_taken({})
    journal.close()
    assert _start(tmp_path, last) == FATES


def test_a_file_that_is_removed_is_off_the_list_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the manifest stays as it was, and so does every file that it lists."""
    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for offset in range(9):
        journal.record((Position("events", 0, offset), "one", 0), DELIVERED)
        with monkeypatch.context() as patched:
            if offset > 4:
                patched.setattr("connectors.state.manifest.write_checked", full)
            manifest.next_snapshot()
            journal.snapshot_taken({("events", 0): offset + 1})
        listed = orjson.loads((tmp_path / MANIFEST).read_bytes())["files"]
        assert set(listed) <= {path.name for path in _segments(tmp_path)}
    assert len(_segments(tmp_path)) > 4
    manifest.next_snapshot()
    journal.snapshot_taken({("events", 0): 99})
    assert len(_segments(tmp_path)) <= 5
    journal.close()


def test_what_is_listed_as_closed_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was killed has synced nothing: the next does so, before it lists the file as whole."""
    path = tmp_path / "000000000001.journal"
    path.write_bytes(b"left behind")
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    assert read_listed(path, {}, "put it back") == b"left behind"
    assert synced == [path.stat().st_ino]
