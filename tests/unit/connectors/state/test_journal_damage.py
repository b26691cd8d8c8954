"""A damaged journal: what is whole is used, and what is not is said; a crash's torn end is told apart."""

from pathlib import Path

import pytest

from connectors.state.damage import DamagedStateError
from connectors.state.journal import DELIVERED, Journal
from flows.domain.event import Position

FRAMES = 20


def _written(directory: Path) -> Path:
    journal = Journal(directory)
    for offset in range(FRAMES):
        journal.record((Position("events", 0, offset), "one", 0), DELIVERED)
        journal.flush()
    journal.close()
    (path,) = directory.glob("*.journal")
    return path


def test_each_flipped_byte_costs_its_own_frame_and_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _written(tmp_path)
    content = path.read_bytes()
    for offset in range(len(content)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 4]) + content[offset + 1 :])
        journal = Journal(tmp_path)
        journal.close()
        assert len(journal) == FRAMES - 1, offset
        said = capsys.readouterr()
        assert (
            "is damaged" if offset < len(content) * (FRAMES - 1) // FRAMES - 9 else "journal"
        ) in said.out + said.err
        for other in tmp_path.glob("*.journal"):
            if other != path:
                other.unlink()


def test_zeroes_are_a_torn_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _written(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(4096))
    journal = Journal(tmp_path)
    journal.close()
    assert len(journal) == FRAMES
    said = capsys.readouterr()
    assert "torn" in said.out + said.err


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.journal").write_bytes(b"?")
    with pytest.raises(DamagedStateError, match=r"notes\.journal is no file of the stream's"):
        Journal(tmp_path)
