"""A log of users that is not what was written: refused in one sentence that names the file, or everybody is found."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.state import user_log
from connectors.state.layout import USER_SEGMENTS
from connectors.state.segment_log import frame
from connectors.state.user_log import UserLog
from connectors.state.user_segments import StoredUser, UserLogError, read_log, set_floor

NOW_S = 1_795_000_000
MINE, OTHERS = "0123456789abcdef", "fedcba9876543210"


class Everybody(dict[str, StoredUser]):
    """Who is remembered."""

    def keys(self) -> list[str]:  # type: ignore[override]  # as the flow's
        return list(super().keys())

    def state_of(self, key: str) -> StoredUser | None:
        return self.get(key)

    def take(self, key: str, state: StoredUser | None) -> None:
        if state is None:
            self.pop(key, None)
        else:
            self[key] = state


def _write(directory: Path, state: str = MINE, segments: int = 3) -> tuple[int, Everybody]:
    """Write a log until it has so many segments, the first of which is not number 1; return what a start finds."""
    people = Everybody()
    log = UserLog(directory, people, state)
    log.resume(0, people.take)
    generation = 0
    while USER_SEGMENTS.path(directory, 1).exists() or len(list(directory.glob("*.users"))) < segments:
        key = "abcdefghijkl"[generation % 12]
        people[key] = (generation, state)
        generation = log.save([(key, people[key])], NOW_S)
    log.close()
    return generation, people


def _found(directory: Path, generation: int) -> Everybody:
    people = Everybody()
    read_log(directory, generation, people.take, MINE)
    return people


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, Everybody]:
    """A log of several segments with a floor, the generation to go on at, and everybody."""
    monkeypatch.setattr(user_log, "_SPARE_RECORDS", 4)
    monkeypatch.setattr(user_log, "_LEAST_REWRITTEN", 2)
    return (tmp_path / "users", *_write(tmp_path / "users", segments=2))


def test_each_flipped_byte_is_refused_or_changes_nothing(written: tuple[Path, int, Everybody]) -> None:
    directory, generation, people = written
    assert _found(directory, generation) == people
    refused = 0
    for path in sorted(directory.iterdir()):
        content = path.read_bytes()
        for offset in range(len(content)):
            path.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
            with pytest.raises(UserLogError, match=re.escape(f"{path}") + r".*(put it back|put both back)"):
                _found(directory, generation)
            refused += 1
        path.write_bytes(content)
    assert refused > 500


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut_the_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _cut_whole_frames(path: Path) -> None:
    """Leave the first two frames, which are whole."""
    content = path.read_bytes()
    end = 0
    for _ in range(2):
        end += 8 + int.from_bytes(content[end : end + 4], "big")
    path.write_bytes(content[:end])


def _zero(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2] + bytes(size - size // 2))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [_cut, _cut_the_last_byte, _cut_whole_frames, _zero, _empty, Path.unlink])
@pytest.mark.parametrize("place", [0, -1])
def test_what_is_cut_zeroed_or_gone_is_refused(
    written: tuple[Path, int, Everybody], harm: Callable[[Path], None], place: int
) -> None:
    """The first file, the last one, wherever a frame ends; never taken for the end of everybody."""
    directory, generation, _ = written
    harm(sorted(directory.glob("*.users"))[place])
    with pytest.raises(UserLogError, match=re.escape(str(directory)) + r".*(put it back|put both back)"):
        _found(directory, generation)


def test_a_missing_floor_or_directory_is_refused(written: tuple[Path, int, Everybody]) -> None:
    directory, generation, _ = written
    (directory / "floor").unlink()
    with pytest.raises(UserLogError, match=r"000000001\.users or .*floor is missing; put it back"):
        _found(directory, generation)
    shutil.rmtree(directory)
    with pytest.raises(UserLogError, match="up to snapshot 0, and the recovery store goes on at"):
        _found(directory, generation)


def test_another_states_file_is_refused(written: tuple[Path, int, Everybody], tmp_path: Path) -> None:
    """Also where it goes just as far: else people would get each other's identifiers."""
    directory, generation, _ = written
    _write(tmp_path / "other", OTHERS, segments=2)
    for path in sorted(directory.glob("*.users")):
        content = path.read_bytes()
        shutil.copy(tmp_path / "other" / path.name, path)
        with pytest.raises(UserLogError, match=re.escape(str(path)) + " is of another state directory"):
            _found(directory, generation)
        path.write_bytes(content)


def test_an_older_copy_of_a_file_is_refused(tmp_path: Path) -> None:
    people = Everybody()
    log = UserLog(tmp_path, people, MINE)
    log.resume(0, people.take)
    log.save([("a", (1,))], NOW_S)
    older = USER_SEGMENTS.path(tmp_path, 1).read_bytes()
    generation = log.save([("b", (2,))], NOW_S)
    log.close()
    USER_SEGMENTS.path(tmp_path, 1).write_bytes(older)
    with pytest.raises(UserLogError, match="up to snapshot 1, and the recovery store goes on at 2"):
        _found(tmp_path, generation)


def test_a_frame_that_no_stream_has_written_is_refused(written: tuple[Path, int, Everybody]) -> None:
    directory, generation, _ = written
    path = min(directory.glob("*.users"))
    path.write_bytes(frame(b"hello") + path.read_bytes())
    with pytest.raises(UserLogError, match="holds what no stream has written"):
        _found(directory, generation)


def test_an_earlier_versions_floor_is_read(tmp_path: Path) -> None:
    """Digits alone."""
    people = Everybody()
    log = UserLog(tmp_path, people)
    log.resume(0, people.take)
    generation = log.save([("a", (1,))], NOW_S)
    log.close()
    (tmp_path / "floor").write_bytes(b"1")
    assert _found(tmp_path, generation) == {"a": (1,)}
    (tmp_path / "floor").write_bytes(b"2")
    with pytest.raises(UserLogError, match="was written anew since snapshot 1"):
        _found(tmp_path, generation)
    set_floor(tmp_path, 1)
    assert (tmp_path / "floor").read_bytes().startswith(b"1 ")
    assert _found(tmp_path, generation) == {"a": (1,)}
