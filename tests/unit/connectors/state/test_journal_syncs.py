"""While a snapshot waits for the disk the journal is written on, and a crash at each of its steps loses nothing."""

import shutil
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import orjson
import pytest

from connectors.state.journal import DELIVERED, Entry, Journal
from connectors.state.layout import MANIFEST
from connectors.state.manifest import Manifest, Snapshot
from flows.domain.event import Position

if TYPE_CHECKING:
    from collections.abc import Callable

SYNCS = ("os.fsync", "os.fdatasync")
OLDER = 20


def _entry(offset: int) -> Entry:
    return Position("events", 0, offset), "one", 0


def _write(journal: Journal, offset: int) -> None:
    journal.record(_entry(offset), DELIVERED)
    journal.flush()


class Disk:
    """What a crash of the machine leaves: of each file what was synced, and the names of which a directory has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self._directory = directory
        self._sizes: dict[int, int] = {}
        self._names: dict[str, set[str]] = {}
        self.before_each: Callable[[], None] = lambda: None
        for name in SYNCS:
            monkeypatch.setattr(name, self._sync)

    def _sync(self, descriptor: int) -> None:
        self.before_each()
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            self._names[path.name] = {each.name for each in path.iterdir()}
        else:
            self._sizes[path.stat().st_ino] = path.stat().st_size

    def leave(self, directory: Path) -> None:
        """Write to a directory what is left."""
        shutil.copytree(self._directory, directory)
        for path in (self._directory / "journal").iterdir():
            left = directory / "journal" / path.name
            if path.name in self._names["journal"]:
                left.write_bytes(path.read_bytes()[: self._sizes.get(path.stat().st_ino, 0)])
            else:
                left.unlink()


def _recalled(directory: Path, stored: Snapshot) -> set[int]:
    journal = Journal(directory / "journal", Manifest(directory, stored))
    try:
        return {offset for offset in range(200) if journal.recall(_entry(offset)) == DELIVERED}
    finally:
        journal.close()


def test_the_journal_is_written_while_a_snapshot_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of its waits, and what is written then is there after a kill at that moment and after the snapshot."""
    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)
    _write(journal, 0)
    stored = manifest.next_snapshot()
    copies: list[Path] = []

    def write_meanwhile(_: int) -> None:
        sender = Thread(target=_write, args=(journal, len(copies) + 1), daemon=True)
        sender.start()
        sender.join(5)
        assert not sender.is_alive()
        copies.append(tmp_path.with_name(f"copy {len(copies)}"))
        shutil.copytree(tmp_path, copies[-1])

    with monkeypatch.context() as slow:
        for name in SYNCS:
            slow.setattr(name, write_meanwhile)
        journal.snapshot_taken({})
    assert len(copies) == 4
    for number, copy in enumerate(copies):
        assert _recalled(copy, stored) == set(range(number + 2))
    journal.close()
    assert _recalled(tmp_path, stored) == set(range(len(copies) + 1))


def test_after_a_crash_of_the_machine_at_each_step_the_state_is_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was synced is known; a segment that is half there is no damage, and no listed one is missing."""
    directory = tmp_path / "state"
    directory.mkdir()
    disk = Disk(monkeypatch, directory)
    manifest = Manifest(directory)
    journal = Journal(directory / "journal", manifest)
    stored = manifest.next_snapshot()
    crashes: list[tuple[Path, Snapshot, int]] = []
    whole = written = 0

    def crash() -> None:
        nonlocal written
        _write(journal, written)
        written += 1
        crashes.append((tmp_path / f"crash {len(crashes)}", stored, whole))
        disk.leave(crashes[-1][0])

    for _ in range(OLDER // 4):
        _write(journal, written)
        written += 1
        disk.before_each = crash
        before = written
        newer = manifest.next_snapshot()
        journal.snapshot_taken({})
        disk.before_each = lambda: None
        stored, whole = newer, before
    journal.close()
    assert len(crashes) == OLDER
    for left, snapshot, known in crashes:
        assert _recalled(left, snapshot) >= set(range(known))


def test_a_segment_that_cannot_be_synced_is_not_listed_as_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash of the machine may cut it, and a start goes on with what is left of it."""

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)
    _write(journal, 0)
    _write(journal, 1)
    stored = manifest.next_snapshot()
    with monkeypatch.context() as broken:
        broken.setattr("os.fdatasync", refuse)
        journal.snapshot_taken({})
    _write(journal, 2)
    first, second = sorted((tmp_path / "journal").iterdir())
    listed = orjson.loads((tmp_path / MANIFEST).read_bytes())["files"]
    assert listed == {first.name: [0, 0, False], second.name: [0, 0, False]}
    first.write_bytes(first.read_bytes()[:-10])
    assert _recalled(tmp_path, stored) == {0, 2}
