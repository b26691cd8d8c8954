"""Notes of requests for erasure: what is read was written, and what was written before is gone from the disk."""

import stat
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.state.erasures import ErasureNote, read_notes, remove_note, write_note

PERSON = "u-17-of-the-person"


def note(submitted_time: str = "2026-11-29T16:00:00Z") -> ErasureNote:
    return ErasureNote(str(uuid4()), "id1", "customer_user_id", "ios", submitted_time, PERSON)


def test_what_is_read_is_what_was_written_oldest_first(tmp_path: Path) -> None:
    notes = [note(time) for time in ("2026-11-30T00:00:00Z", "2026-11-29T00:00:00Z")]
    for each in notes:
        write_note(tmp_path, each)
    assert read_notes(tmp_path) == notes[::-1]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_what_a_note_held_before_is_overwritten(tmp_path: Path) -> None:
    """A file that is only replaced would leave the identity in a free block of the disk."""
    first = note()
    write_note(tmp_path, first)
    (path,) = tmp_path.iterdir()
    with path.open("rb") as old:
        write_note(tmp_path, first._replace(identity=None, fingerprint="f", progress="pending"))
        assert PERSON.encode() not in old.read()
    assert PERSON.encode() not in path.read_bytes()
    with path.open("rb") as old:
        remove_note(tmp_path, first)
        assert b"id1" not in old.read()
    assert read_notes(tmp_path) == []


def test_what_a_crash_has_left_is_removed(tmp_path: Path) -> None:
    write_note(tmp_path, note())
    (tmp_path / f".{uuid4()}.erasure.new").write_text(PERSON)
    (tmp_path / f"{uuid4()}.erasure").write_bytes(b"")
    assert len(read_notes(tmp_path)) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"version":2,"crc32":1}'])
def test_a_damaged_note_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"{uuid4()}.erasure"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=path.name):
        read_notes(tmp_path)


def test_a_note_that_was_changed_by_hand_is_damaged(tmp_path: Path) -> None:
    write_note(tmp_path, note())
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().replace(b"id1", b"id2"))
    with pytest.raises(ValueError, match="not what was written"):
        read_notes(tmp_path)
