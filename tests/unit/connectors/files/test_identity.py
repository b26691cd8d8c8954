"""A file that is not what it was: replaced, cut short, grown, rotated, packed again."""

import gzip
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.files.damage import Damage
from connectors.files.partition import FilesPartition
from connectors.files.position import FilesState
from connectors.files.settings import FilesSource
from connectors.files.source import FilesInput
from connectors.pace import Pace
from tests.fixtures.opening import opening

PATH = "events.ndjson"


@dataclass
class World:
    """Runs of one source, each of which goes on where the one before has ended."""

    directory: Path
    patterns: tuple[str, ...] = ("*",)
    state: FilesState | None = None
    damages: list[Damage] = field(default_factory=list)
    room: int = 1_000_000
    now_ms: int = 1_700_000_000_000

    def part(self, *, follow: bool = False) -> FilesPartition:
        """Begin a run."""
        settings = FilesSource(tuple(str(self.directory / each) for each in self.patterns), follow)
        pace = Pace(lambda: self.now_ms / 1000, lambda _: None)
        given = opening(room=lambda: self.room, pace=pace, note_damage=self.damages.append)
        source = FilesInput(settings, given, lambda: self.now_ms)
        return source.build_part("input", "files", self.state)

    def run(self, most: int = 1_000_000) -> list[tuple[str, int, bytes]]:
        """Read up to so many records; return what their position and content are."""
        part = self.part()
        self.room = min(self.room, most)
        found: list[tuple[str, int, bytes]] = []
        try:
            while len(found) < most:
                records = part.next_batch()
                found += [
                    (each.source.removeprefix(f"{self.directory}/"), each.offset, each.value or b"") for each in records
                ]
        except StopIteration:
            pass
        self.state, self.room = part.snapshot(), 1_000_000
        return found

    def write(self, content: bytes, name: str = PATH) -> Path:
        """Put a file there, in place of what is there."""
        path = self.directory / name
        path.with_name(f".{name}").write_bytes(content)
        path.with_name(f".{name}").replace(path)
        return path


def rows(name: str, first: int, last: int) -> bytes:
    return b"".join(b'{"%s":%d}\n' % (name.encode(), row) for row in range(first, last + 1))


def values(found: list[tuple[str, int, bytes]]) -> bytes:
    return b"".join(value + b"\n" for _, _, value in found)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_file_that_was_replaced_is_read_from_its_first_line_under_a_name_of_its_own(world: World) -> None:
    world.write(rows("old", 1, 5))
    before = world.run()
    world.write(rows("new", 1, 9))
    with capture_logs() as logs:
        found = world.run()
    assert values(found) == rows("new", 1, 9)
    assert {source for source, _, _ in found}.isdisjoint({source for source, _, _ in before})
    assert [each["log_level"] for each in logs if "another file is under the name" in each["event"]] == ["error"]
    assert world.run() == []


def test_a_file_that_was_replaced_while_half_of_it_was_read_begins_anew(world: World) -> None:
    world.write(rows("old", 1, 50))
    assert len(world.run(20)) == 20
    world.write(rows("new", 1, 30))
    assert values(world.run()) == rows("new", 1, 30)


def test_a_file_of_the_same_size_and_time_is_known_by_its_content(world: World) -> None:
    path = world.write(rows("old", 1, 5))
    world.run()
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    os.utime(world.write(rows("new", 1, 5)), ns=times)
    assert values(world.run()) == rows("new", 1, 5)


def test_what_was_appended_is_read_and_nothing_before_it(world: World) -> None:
    path = world.write(rows("row", 1, 5))
    assert len(world.run()) == 5
    with path.open("ab") as file:
        file.write(rows("row", 6, 8))
    assert world.run() == [(PATH, row, b'{"row":%d}' % row) for row in (6, 7, 8)]
    assert world.run() == []
    assert world.damages == []


def test_a_line_that_was_half_written_is_read_again_when_it_is_whole(world: World) -> None:
    path = world.write(rows("row", 1, 2) + b'{"ro')
    assert [value for _, _, value in world.run()] == [b'{"row":1}', b'{"row":2}', b'{"ro']
    with path.open("ab") as file:
        file.write(b'w":3}\n' + rows("row", 4, 4))
    found = world.run()
    assert values(found) == rows("row", 3, 4)
    assert all(source != PATH for source, _, _ in found)  # another record has had that position
    assert world.run() == []


def test_a_file_that_was_empty_is_read_when_something_is_in_it(world: World) -> None:
    world.write(b"")
    assert world.run() == []
    world.write(rows("row", 1, 3))
    assert values(world.run()) == rows("row", 1, 3)


@pytest.mark.parametrize("left", [0, 1, 3, 7])
def test_a_file_that_was_cut_short_is_told_and_not_sent_again(world: World, left: int) -> None:
    path = world.write(rows("row", 1, 10))
    assert len(world.run()) == 10
    os.truncate(path, len(rows("row", 1, left)))
    assert world.run() == []
    assert len(world.damages) == 1
    assert "it was read up to line 10 before, and has fewer lines now" in world.damages[0].problem


def test_a_file_that_was_cut_short_and_filled_again_is_read_from_its_first_line(world: World) -> None:
    path = world.write(rows("old", 1, 10))
    world.run()
    os.truncate(path, 0)
    world.run()
    path.write_bytes(rows("new", 1, 20))
    assert values(world.run()) == rows("new", 1, 20)


def test_a_file_that_begins_alike_and_goes_on_otherwise_is_read_from_its_first_line(world: World) -> None:
    world.write(rows("row", 1, 9000) + rows("old", 1, 10))
    world.run()
    world.write(rows("row", 1, 9000) + rows("new", 1, 20))
    with capture_logs() as logs:
        found = world.run()
    assert values(found) == rows("row", 1, 9000) + rows("new", 1, 20)
    assert all(source != PATH for source, _, _ in found)
    assert any("has been written over" in each["event"] and each["log_level"] == "error" for each in logs)
    assert world.run() == []


def test_rotated_files_are_followed_to_their_new_names(world: World) -> None:
    path = world.write(rows("a", 1, 4))
    assert len(world.run()) == 4
    with path.open("ab") as file:
        file.write(rows("a", 5, 6))
    path.rename(f"{path}.1")
    world.write(rows("b", 1, 3))
    assert values(world.run()) == rows("b", 1, 3) + rows("a", 5, 6)
    (world.directory / f"{PATH}.1").rename(f"{path}.2")
    path.rename(f"{path}.1")
    world.write(rows("c", 1, 2))
    assert values(world.run()) == rows("c", 1, 2)
    assert world.run() == []


def test_a_log_that_is_copied_and_cut_to_nothing_is_not_sent_again(world: World) -> None:
    path = world.write(rows("a", 1, 40))
    assert len(world.run()) == 40
    world.write(path.read_bytes(), f"{PATH}.1")
    path.write_bytes(rows("b", 1, 3))
    assert values(world.run()) == rows("b", 1, 3)


def test_a_file_that_is_rotated_while_it_is_read_goes_on_where_it_was(world: World) -> None:
    path = world.write(rows("a", 1, 50))
    assert len(world.run(20)) == 20
    path.rename(f"{path}.1")
    found = world.run()
    assert found == [(PATH, row, b'{"a":%d}' % row) for row in range(21, 51)]


@pytest.mark.parametrize("taken", [0, 20, 50])
@pytest.mark.parametrize("directory", [".", "done"])
@pytest.mark.parametrize("follow", [False, True])
def test_a_file_that_was_moved_between_two_runs_is_no_damage(
    world: World, taken: int, directory: str, *, follow: bool
) -> None:
    world.patterns = ("**/*.ndjson*",)
    path = world.write(rows("a", 1, 50))
    world.write(rows("b", 1, 3), "f.ndjson")
    part = world.part()
    world.room = taken
    before = part.next_batch()
    world.state, world.room = part.snapshot(), 1_000_000
    (world.directory / "done").mkdir()
    path.rename(world.directory / directory / "later.ndjson.1")
    part, after = world.part(follow=follow), []
    with capture_logs() as logs:
        for _ in range(6):
            with suppress(StopIteration):
                after += part.next_batch()
            world.now_ms += 1000
    moved = [each for each in after if b"a" in (each.value or b"")]
    assert [each.offset for each in before + moved] == [*range(1, 51)]
    assert len(after) - len(moved) == 3
    assert world.damages == []
    told = [(each["event"], each["next_line"]) for each in logs if each["log_level"] != "debug"]
    name = "a file that was read before has another name now; only what is new in it is read"
    assert told == ([(name, taken + 1)] if taken else [])


def test_a_file_that_was_moved_and_is_still_looked_for_is_not_forgotten_by_the_run_after(world: World) -> None:
    path = world.write(rows("a", 1, 50))
    assert len(world.run(20)) == 20
    away = path.rename(world.directory.parent / f"{world.directory.name}.away")
    world.write(rows("b", 1, 30), "f.ndjson")
    assert values(world.run(10)) == rows("b", 1, 10)
    away.rename(world.directory / "g.ndjson")
    assert values(world.run()) == rows("b", 11, 30) + rows("a", 21, 50)
    assert world.damages == []


def test_a_file_that_is_gone_while_following_is_told_once(world: World) -> None:
    path = world.write(rows("a", 1, 50))
    assert len(world.run(20)) == 20
    path.unlink()
    part = world.part(follow=True)
    for _ in range(5):
        assert part.next_batch() == []
        world.now_ms += 1000
    assert [each.path for each in world.damages] == [str(path)]
    assert "from line 21 on, when it can be read again" in world.damages[0].problem


def gz(content: bytes) -> bytes:
    return gzip.compress(content, 1)


def packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=1)


@pytest.mark.parametrize("before", [bytes, gz])
@pytest.mark.parametrize("taken", [20, 50])
def test_a_file_that_was_packed_again_goes_on_where_it_was(
    world: World, before: Callable[[bytes], bytes], taken: int
) -> None:
    world.write(before(rows("a", 1, 50)))
    assert len(world.run(taken)) == taken
    world.write(packed(rows("a", 1, 50)))
    assert values(world.run()) == rows("a", taken + 1, 50)
    (world.directory / PATH).unlink()
    world.write(packed(rows("a", 1, 50)), f"{PATH}.1.gz")
    assert world.run() == []


def test_a_zip_that_was_packed_again_goes_on_where_it_was(world: World) -> None:
    def write(method: int) -> None:
        with zipfile.ZipFile(world.directory / "export.zip", "w", method) as archive:
            for hour in (9, 10):
                archive.writestr(f"7/{hour}.json.gz", gz(rows(f"h{hour}", 1, 30)))

    write(zipfile.ZIP_STORED)
    assert len(world.run(40)) == 40
    write(zipfile.ZIP_DEFLATED)
    assert values(world.run()) == rows("h10", 11, 30)


def zip_of(world: World, *hours: int) -> None:
    with zipfile.ZipFile(world.directory / "export.zip", "w") as archive:
        for hour in hours:
            archive.writestr(f"7/{hour}.json.gz", gz(rows("a" * 300, hour * 1000, hour * 1000 + 299)))


@pytest.mark.parametrize("taken", [600, 700, 900])
@pytest.mark.parametrize("added", [(3,), (2, 3)])
def test_members_that_are_added_before_what_was_read_are_told_once(
    world: World, taken: int, added: tuple[int, ...]
) -> None:
    zip_of(world, 1, 4, 5)
    assert len(world.run(taken)) == taken
    zip_of(world, 1, *added, 4, 5, 6)
    assert len(world.run()) == 1200 - taken
    (damage,) = world.damages
    assert damage.problem.startswith(f"{len(added)} of its members have been added before the one up to which it was")
    zip_of(world, 1, *added, 4, 5, 6, 7)
    assert len(world.run()) == 300
    assert len(world.damages) == 1


def test_members_that_are_added_behind_or_taken_away_are_no_damage(world: World) -> None:
    zip_of(world, 1, 2, 3, 4)
    assert len(world.run(800)) == 800
    zip_of(world, 1, 3, 4, 5)
    assert len(world.run()) == 700
    assert world.damages == []


def test_a_position_of_a_version_that_did_not_count_members_is_read_on(world: World) -> None:
    zip_of(world, 1, 4)
    assert len(world.run(500)) == 500
    assert world.state is not None
    _, known, current = world.state
    world.state = (2, tuple(each[:-1] for each in known), current)
    assert len(world.run()) == 100
    zip_of(world, 1, 2, 4)
    assert world.run() == []
    assert len(world.damages) == 1


def test_a_copy_under_another_name_is_a_file_of_its_own(world: World) -> None:
    world.write(rows("a", 1, 5))
    assert len(world.run()) == 5
    world.write(rows("a", 1, 5), "copy.ndjson")
    assert values(world.run()) == rows("a", 1, 5)


def test_a_file_of_which_the_end_was_damaged_is_read_on_when_it_is_whole(world: World) -> None:
    whole = gzip.compress(rows("a", 1, 5), 0)
    world.write(whole[:-20])
    before = world.run()
    world.write(whole)
    after = world.run()
    assert values([each for each in before + after if each[2].endswith(b"}")]) == rows("a", 1, 5)


def test_following_what_is_appended_is_read_as_it_comes(world: World) -> None:
    path = world.write(rows("row", 1, 3))
    part, read = world.part(follow=True), b""
    for last in (3, 5, 9):
        path.write_bytes(rows("row", 1, last))
        for _ in range(4):
            read += b"".join((each.value or b"") + b"\n" for each in part.next_batch())
            world.now_ms += 1000
    assert read == rows("row", 1, 9)


def test_what_an_earlier_version_stored_is_read_on(world: World) -> None:
    done, begun = str(world.write(rows("a", 1, 5), "a")), str(world.write(rows("b", 1, 5), "b"))
    world.state = (1, (done,), begun, None, 3)
    assert values(world.run()) == rows("b", 3, 5)
    world.write(rows("c", 1, 2), "a")
    assert values(world.run()) == rows("c", 1, 2)


def test_what_grew_after_an_earlier_version_had_read_it_is_told(world: World) -> None:
    path = world.write(rows("a", 1, 5), "a")
    world.state = (1, (str(path),), None, None, 1)
    assert world.run() == []
    world.write(rows("a", 1, 8), "a")
    assert world.run() == []
    assert "did not note how far" in world.damages[0].problem
