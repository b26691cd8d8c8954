import gzip
import io
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.files.damage import Damage
from connectors.files.fingerprint import Signature, signature_of
from connectors.files.partition import MAX_BATCH_BYTES, FilesPartition
from connectors.files.position import FilesState
from connectors.files.settings import FilesSource
from connectors.files.source import FilesInput
from connectors.pace import AT_ONCE, Pace
from connectors.shutdown import Shutdown
from flows.domain.event import Record
from tests.fixtures.opening import opening

NOW_MS = 1_700_000_000_000


@dataclass
class World:
    """What surrounds the source: its room, its clock, the wish to stop, and whom it tells of damage."""

    room: int = 1_000_000
    now_ms: int = NOW_MS
    steady_ms: int = 5_000
    shutdown: Shutdown = field(default_factory=Shutdown)
    damages: list[Damage] = field(default_factory=list)
    rests_ms: list[int] = field(default_factory=list)
    """How long the worker was let rest."""

    def part(self, *paths: Path | str, follow: bool = False, state: FilesState | None = None) -> FilesPartition:
        """Build the source's partition as the engine does."""
        settings = FilesSource(tuple(map(str, paths)), follow)
        pace = Pace(lambda: self.steady_ms / 1000, lambda seconds: self.rests_ms.append(round(seconds * 1000)))
        given = opening(self.shutdown, room=lambda: self.room, pace=pace, note_damage=self.damages.append)
        source = FilesInput(settings, given, lambda: self.now_ms)
        return source.build_part("input", source.list_parts()[0], state)


def drain(part: FilesPartition, stop: Callable[[list[Record]], bool] = lambda _: False) -> list[Record]:
    """Read to the end, or until `stop` holds."""
    records: list[Record] = []
    while not stop(records):
        try:
            records += part.next_batch()
        except StopIteration:
            break
    return records


def rows(name: str, count: int) -> bytes:
    return b"".join(b'{"%s":%d}\n' % (name.encode(), row) for row in range(1, count + 1))


def write_export(path: Path, hours: tuple[int, ...], count: int) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for hour in hours:
            archive.writestr(f"7/7_2024-01-01_{hour}#0.json.gz", gzip.compress(rows(f"h{hour}", count)))
    path.write_bytes(packed.getvalue())
    return path


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    write_export(tmp_path / "export_10.zip", (10, 9), 3)
    (tmp_path / "export_9.json.gz").write_bytes(gzip.compress(rows("gz", 2)))
    (tmp_path / "export_11.ndjson").write_bytes(b"\n" + rows("plain", 2))
    return tmp_path


def test_files_are_read_in_natural_order_and_every_record_says_where_it_stands(archives: Path) -> None:
    world = World()
    records = drain(world.part(archives / "export_*"))
    zip_9, zip_10 = (f"{archives}/export_10.zip!7/7_2024-01-01_{hour}#0.json.gz" for hour in (9, 10))
    assert [(record.source, record.partition, record.offset) for record in records] == [
        *((f"{archives}/export_9.json.gz", 0, row) for row in (1, 2)),
        *((zip_9, 0, row) for row in (1, 2, 3)),
        *((zip_10, 0, row) for row in (1, 2, 3)),
        *((f"{archives}/export_11.ndjson", 0, row) for row in (2, 3)),
    ]
    assert records[0] == Record(b'{"gz":1}', None, f"{archives}/export_9.json.gz", 0, 1, NOW_MS)
    assert world.shutdown.input_ended
    assert not world.shutdown.requested
    assert world.damages == []


def test_a_file_that_several_globs_match_is_read_once(archives: Path) -> None:
    assert len(drain(World().part(archives / "*", archives / "*.zip", archives / "**" / "export_9.json.gz"))) == 10


def test_reading_goes_on_with_the_very_next_record_wherever_it_was_stopped(archives: Path) -> None:
    whole = drain(World().part(archives / "export_*"))
    for taken in range(len(whole) + 1):
        world = World(room=1)
        first = world.part(archives / "export_*")
        before = drain(first, lambda records, taken=taken: len(records) == taken)  # type: ignore[misc]  # mypy cannot type the default
        state = pickle.loads(pickle.dumps(first.snapshot()))  # noqa: S301 - what the engine does with it
        after = drain(World().part(archives / "export_*", state=state))
        assert before + after == whole


def test_after_the_end_nothing_is_read_again(archives: Path) -> None:
    part = World().part(archives / "export_*")
    drain(part)
    again = World()
    assert drain(again.part(archives / "export_*", state=part.snapshot())) == []
    assert again.shutdown.input_ended


def test_the_state_is_made_of_builtins_only(archives: Path) -> None:
    part = World(room=4).part(archives / "export_*")
    part.next_batch()
    state = part.snapshot()
    named = {argument for code, argument, _ in pickletools.genops(pickle.dumps(state)) if "GLOBAL" in code.name}
    assert named == set()
    assert [(name, path, member, number) for name, path, _, _, member, number, *_ in state[1]] == [
        (f"{archives}/export_9.json.gz", f"{archives}/export_9.json.gz", None, 3),
        (f"{archives}/export_10.zip", f"{archives}/export_10.zip", "7/7_2024-01-01_9#0.json.gz", 3),
    ]
    assert (state[0], state[2]) == (3, f"{archives}/export_10.zip")


def test_a_state_of_another_version_is_refused_in_words(archives: Path) -> None:
    with pytest.raises(ValueError, match="version 4"):
        World().part(archives / "*", state=(4, (), None))


def test_no_more_is_read_than_there_is_room_for_and_a_batch_has_at_most_100(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(rows("a", 250))
    world = World(room=7)
    part = world.part(tmp_path / "a.json")
    assert len(part.next_batch()) == 7
    world.room = 0
    assert part.next_batch() == []
    world.room = -5
    assert part.next_batch() == []
    world.room = 1000
    assert [len(part.next_batch()) for _ in range(3)] == [100, 100, 43]


def test_without_room_it_waits_ever_longer_up_to_100_ms_and_then_goes_on_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(rows("a", 3))
    world = World(room=0)
    part = world.part(tmp_path / "a.json")
    for _ in range(11):
        part.next_batch()
        assert part.next_awake() == AT_ONCE
    assert world.rests_ms == [1, 2, 4, 8, 16, 32, 64, 100, 100]
    world.room = 2
    world.rests_ms.clear()
    assert len(part.next_batch()) == 2
    assert world.rests_ms == [100]
    assert len(part.next_batch()) == 1
    assert world.rests_ms == [100]


def test_large_lines_make_small_batches(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes((b'"' + b"x" * 600_000 + b'"\n') * 10)
    part = World().part(tmp_path / "a.json")
    batches = [part.next_batch() for _ in range(10)]
    assert all(sum(len(record.value or b"") for record in batch[:-1]) <= MAX_BATCH_BYTES for batch in batches)
    assert max(map(len, batches)) <= 2


def test_going_through_blanks_is_interrupted_so_that_the_worker_is_never_kept(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\n" * 1_000_000 + b"{}\n")
    world = World()
    part = world.part(tmp_path / "a.json")
    empty_batches = 0
    while not (batch := part.next_batch()):
        empty_batches += 1
    assert world.rests_ms == []
    assert empty_batches > 10
    assert batch[0].offset == 1_000_001


def test_a_wish_to_stop_ends_the_source_with_its_position_kept(archives: Path) -> None:
    world = World(room=4)
    part = world.part(archives / "export_*")
    part.next_batch()
    world.shutdown.request()
    with pytest.raises(StopIteration):
        part.next_batch()
    assert not world.shutdown.input_ended
    assert part.snapshot()[1][-1][5] == 3  # the next line


def test_what_is_damaged_is_reported_once_and_the_other_files_are_read(archives: Path) -> None:
    (archives / "export_1.zip").write_bytes(b"PK\x03\x04")
    (archives / "export_10.5.json.gz").write_bytes(gzip.compress(rows("cut", 3), 0)[:-12])
    (archives / "export_20").mkdir()
    (archives / "export_21.json").write_bytes(b'{"half')
    world = World()
    records = drain(world.part(archives / "export_*", archives / "nothing*"))
    assert len(records) == 10 + 3 + 1
    assert [(damage.path.removeprefix(str(archives)), damage.line) for damage in world.damages] == [
        ("/nothing*", None),
        ("/export_1.zip", None),
        ("/export_10.5.json.gz", 3),
        ("/export_20", None),
        ("/export_21.json", 1),
    ]


def test_a_file_that_could_not_be_read_at_all_is_tried_again_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\x03\x04")
    part = World().part(path)
    assert drain(part) == []
    write_export(path, (1,), 3)
    assert len(drain(World().part(path, state=part.snapshot()))) == 3


def test_if_the_file_being_read_has_vanished_it_is_reported_and_the_others_are_read(archives: Path) -> None:
    first = World(room=4).part(archives / "export_*")
    first.next_batch()
    (archives / "export_10.zip").unlink()
    world = World()
    second = world.part(archives / "export_*", state=first.snapshot())
    assert [record.value for record in drain(second)] == [b'{"plain":1}', b'{"plain":2}']
    assert [damage.path for damage in world.damages] == [f"{archives}/export_10.zip"]
    assert "the rest of it is read, from line 3 on, when it can be read again" in world.damages[0].problem
    # When it comes back, what was read of it is not read again, and the rest is.
    write_export(archives / "export_10.zip", (9, 10), 3)
    rest = drain(World().part(archives / "export_*", state=second.snapshot()))
    assert [record.value for record in rest] == [b'{"h9":3}', b'{"h10":1}', b'{"h10":2}', b'{"h10":3}']


def test_names_with_the_special_characters_of_globs_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a[1].json").write_bytes(b"{}\n")
    assert len(drain(World().part(tmp_path / "a[1].json"))) == 1


def test_following_new_files_are_read_once_they_do_not_change_any_more(tmp_path: Path) -> None:
    world = World()
    part = world.part(tmp_path / "*.json", follow=True)
    assert part.next_batch() == []
    path = tmp_path / "a.json"
    path.write_bytes(rows("a", 2))
    world.steady_ms += 999
    assert part.next_batch() == []
    world.steady_ms += 1
    assert part.next_batch() == []  # seen for the first time
    path.write_bytes(rows("a", 3))
    world.steady_ms += 1000
    assert part.next_batch() == []  # has grown since
    world.steady_ms += 1000
    assert len(part.next_batch()) == 3
    world.steady_ms += 1000
    assert part.next_batch() == []
    (tmp_path / "b.json").write_bytes(rows("b", 1))
    for _ in range(2):
        world.steady_ms += 1000
        batch = part.next_batch()
    assert [record.value for record in batch] == [b'{"b":1}']
    assert not world.shutdown.input_ended
    assert world.damages == []


@pytest.mark.parametrize("patterns", [("*",), ("*", "*.json"), ("a.json", "b.json", "c.json")])
def test_following_a_file_that_is_done_is_asked_for_once_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patterns: tuple[str, ...]
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.json").write_bytes(rows(name, 2))
    asked: list[str] = []

    def counted(path: str) -> Signature | None:
        asked.append(path)
        return signature_of(path)

    monkeypatch.setattr("connectors.files.intake.signature_of", counted)
    monkeypatch.setattr("connectors.files.known.signature_of", counted)
    world = World()
    part = world.part(*(tmp_path / each for each in patterns), follow=True)
    read: list[Record] = []
    for _ in range(3):
        read += part.next_batch()
        world.steady_ms += 1000
    assert len(read) == 6
    asked.clear()
    assert part.next_batch() == []
    names = [Path(path).name for path in asked]
    assert [name for name in sorted(names) if "*" not in name] == ["a.json", "b.json", "c.json"]


def test_following_a_bad_file_is_reported_once_and_read_when_it_has_been_replaced(tmp_path: Path) -> None:
    world = World()
    part = world.part(tmp_path / "*", follow=True)
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\x03\x04")
    for _ in range(5):
        assert part.next_batch() == []
        world.steady_ms += 1000
    assert len(world.damages) == 1
    write_export(path, (1,), 3)
    read = []
    for _ in range(5):
        read += part.next_batch()
        world.steady_ms += 1000
    assert len(read) == 3
    assert len(world.damages) == 1


def test_following_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    world = World()
    part = world.part(tmp_path / "*", follow=True)
    part.next_batch()
    world.shutdown.request()
    with pytest.raises(StopIteration):
        part.next_batch()
