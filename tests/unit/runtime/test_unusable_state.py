"""A file of the state that the system refuses, and something else in its place: one sentence with its name."""

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.state.damage import unusable
from connectors.state.engine_store import is_no_store
from connectors.state.journal import Journal
from connectors.state.layout import MANIFEST
from connectors.state.lock import lock_directory
from connectors.state.manifest import Manifest
from flows.refusal import Refusal
from flows.runtime.refusal import refusing_state

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_directory_a_file_or_nothing_where_something_else_should_be(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    (tmp_path / MANIFEST).mkdir()
    (tmp_path / "journal").symlink_to(tmp_path / "nowhere")
    takers: dict[str, Callable[[Path], object]] = {
        "lock": lock_directory,
        MANIFEST: Manifest,
        "journal": lambda place: Journal(place / "journal"),
    }
    for name, take in takers.items():
        with pytest.raises(OSError, match=name) as raised:
            take(tmp_path)
        said = unusable(raised.value, tmp_path)
        assert said.startswith(f"{tmp_path / name} cannot be used: ")
        assert "put back as it was" in said


def test_a_refusal_of_the_state_says_what_to_do(tmp_path: Path) -> None:
    place = tmp_path / "users" / "0"
    with pytest.raises(Refusal) as refused, refusing_state():
        raise PermissionError(errno.EACCES, "Permission denied", str(place))
    said = str(refused.value)
    assert f"{place} cannot be used: Permission denied; let the stream's account read and write it" in said


def test_what_is_no_recovery_store_is_told_from_none(tmp_path: Path) -> None:
    """None is made the first time; what is left of one would be gone on from without its snapshots."""
    directory = tmp_path / "recovery"
    assert not is_no_store(directory)
    directory.mkdir()
    assert not is_no_store(directory)
    (directory / "part-0.sqlite3-wal").write_bytes(b"")
    assert is_no_store(directory)
    (directory / "part-0.sqlite3").write_bytes(b"")
    assert not is_no_store(directory)
    for name in ("file", "dangling"):
        place = tmp_path / name
        if name == "file":
            place.write_bytes(b"")
        else:
            place.symlink_to(tmp_path / "nowhere")
        assert is_no_store(place)
