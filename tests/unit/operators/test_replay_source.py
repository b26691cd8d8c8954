"""The letters of a replay: read back as they were written, within their bounds, at their rate."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dead_letters import Letter, LettersUnreadableError, StoredLetter, headers, parse
from connectors.delivery.throttle import Limiter
from connectors.files.dead_letters import FileLetterWriter
from connectors.files.letter_reader import FileLetterReader, count_lines, file_ends
from connectors.pace import AT_ONCE, Pace
from connectors.shutdown import Shutdown
from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason, Stage
from flows.domain.identity import Identity, as_text, from_text
from flows.operators.letter_source import LetterInput, LetterPartition
from tests.fixtures.letters import letter, read_letters

if TYPE_CHECKING:
    from flows.domain.identifiers import Value


LETTERS = st.builds(
    DeadLetter,
    reason=st.sampled_from(DeadLetterReason),
    stage=st.sampled_from(Stage),
    sync=st.none() | st.text(min_size=1, max_size=9),
    copy=st.integers(0, 9),
    send_as=st.none() | st.text(max_size=9),
    error=st.text(max_size=9),
    value=st.binary(max_size=9),
    key=st.none() | st.binary(max_size=9),
    position=st.builds(Position, st.text(max_size=9), *[st.integers(0, 2**40)] * 3),
    first_seen_ms=st.integers(0, 2**50),
    failed_at_ms=st.integers(0, 2**50),
    identity=st.none() | st.text(max_size=9),
    replays=st.integers(0, 9),
)


@given(LETTERS)
def test_what_is_replayed_of_a_letter_comes_back_as_it_was_written(written: DeadLetter) -> None:
    read = parse(StoredLetter(written.value, written.key, headers(written), "any", 1))
    for name in set(Letter._fields) - {"is_cut"}:
        assert getattr(read, name) == getattr(written, name), name
    assert not read.is_cut


@pytest.mark.parametrize("name", ["reason", "partition", "offset", "first_seen", "failed_at"])
def test_headers_that_are_no_letters_are_refused(name: str) -> None:
    some = dict(headers(letter()))
    with pytest.raises(ValueError, match="bogus"):
        parse(StoredLetter(b"", None, {**some, name: "bogus"}, "any", 1))
    del some[name]
    with pytest.raises(KeyError):
        parse(StoredLetter(b"", None, some, "any", 1))


def test_an_identity_comes_back_as_it_was() -> None:
    values: dict[str, Value] = {
        "appsflyer_id": "1700000000000-7654321",
        "att": 3,
        "os_version": "17.4",
        "idfa": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
    }
    ios = Identity("ios", values)
    android = Identity("android", {"app_set_id": (1, "6d92078a-8246-4ba4-ae5b-76104861e7dc")})
    assert from_text(as_text(ios)) == ios
    assert from_text(as_text(android)) == android


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        '{"platform":"ios"}',
        '{"platform":"web","values":{}}',
        '{"platform":"ios","values":[]}',
        '{"platform":{},"values":{}}',
    ],
)
def test_an_identity_that_is_none_is_left_out(text: str) -> None:
    assert from_text(text) is None


@pytest.mark.parametrize("value", ["null", "[]", "[1]", "[1,2,3]", "[[],{}]", "{}", '"x"', "true"])
@pytest.mark.parametrize("name", ["appsflyer_id", "app_set_id", "os_version", "other"])
def test_values_that_are_none_are_left_out(name: str, value: str) -> None:
    identity = from_text(f'{{"platform":"ios","values":{{"{name}":{value}}}}}')
    assert identity is not None
    assert identity.values == ({name: "x"} if (name, value) == ("os_version", '"x"') else {})


def read_all(reader: FileLetterReader) -> list[StoredLetter]:
    letters: list[StoredLetter] = []
    while not reader.is_over:
        letters.extend(reader.read())
    return letters


def test_files_are_read_up_to_where_they_ended_and_no_further(tmp_path: Path) -> None:
    writer = FileLetterWriter(tmp_path)
    writer.write([letter(1, b"1"), letter(2, b"2")])
    ends = file_ends(tmp_path)
    writer.write([letter(3, b"3")])
    FileLetterWriter(tmp_path).write([letter(4, b"4")])
    assert count_lines(tmp_path, ends) == 2
    assert [each.value for each in read_all(FileLetterReader(tmp_path, ends, {}))] == [b"1", b"2"]
    assert count_lines(tmp_path, file_ends(tmp_path)) == 4


def test_reading_goes_on_at_a_line(tmp_path: Path) -> None:
    FileLetterWriter(tmp_path).write([letter(number, b"%d" % number) for number in range(300)])
    ends = file_ends(tmp_path)
    (name,) = ends
    letters = read_all(FileLetterReader(tmp_path, ends, {name: 250}))
    assert [each.value for each in letters] == [b"%d" % number for number in range(249, 300)]
    assert letters[0].place == f"{name}:250"
    assert [each.place for each in read_letters(tmp_path)][249] == f"{name}:250"


def test_a_file_that_is_gone_is_damage_and_the_rest_is_read(tmp_path: Path) -> None:
    damages: list[str] = []
    FileLetterWriter(tmp_path).write([letter(1, b"1")])
    ends = {"dead-letters-1999.ndjson": 10, **file_ends(tmp_path)}
    assert [
        each.value
        for each in read_all(FileLetterReader(tmp_path, ends, {}, lambda damage: damages.append(damage.path)))
    ] == [b"1"]
    assert damages == [str(tmp_path / "dead-letters-1999.ndjson")]
    with pytest.raises(LettersUnreadableError, match="1999"):
        count_lines(tmp_path, ends)
    assert file_ends(tmp_path / "nowhere") == {}


class Listed:
    """A reader of letters that are numbered from 0."""

    def __init__(self, count: int) -> None:
        self._letters = [StoredLetter(b"{}", None, headers(letter(n)), "part", n) for n in range(count)]

    def read(self) -> list[StoredLetter]:
        taken, self._letters = self._letters[:7], self._letters[7:]
        return taken

    @property
    def is_over(self) -> bool:
        return not self._letters

    def close(self) -> None:
        """Do nothing."""


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def partition(
    count: int,
    per_second: float = 0.0,
    clock: Clock | None = None,
    room: Callable[[], int] = lambda: 1000,
    shutdown: Shutdown | None = None,
    wanted: Callable[[StoredLetter], Letter | None] = parse,
    rests: list[float] | None = None,
) -> LetterPartition:
    pace = Pace(sleep=(rests if rests is not None else []).append)
    return LetterPartition(
        Listed(count), {}, wanted, room, shutdown or Shutdown(), Limiter(per_second), clock or Clock(), pace
    )


def offsets(letters: list[Letter]) -> list[int]:
    return [each.position.offset for each in letters]


def test_every_letter_comes_once_and_then_the_source_ends() -> None:
    shutdown = Shutdown()
    source = partition(250, shutdown=shutdown)
    read: list[int] = []
    while len(read) < 250:
        read += offsets(source.next_batch())
    assert read == list(range(250))
    assert not shutdown.input_ended
    with pytest.raises(StopIteration):
        source.next_batch()
    assert shutdown.input_ended
    assert source.snapshot() == (1, {"part": 250})


def test_a_rate_bounds_the_letters_of_every_second() -> None:
    clock = Clock()
    source = partition(40, per_second=4.0, clock=clock)
    by_second = [0] * 9
    for tick in range(900):
        clock.now = 100.0 + tick / 100
        by_second[tick // 100] += len(source.next_batch())
    assert max(by_second) == 4
    assert sum(by_second) >= 0.9 * 4 * 9


def test_letters_that_are_not_wanted_do_not_count_against_the_rate() -> None:
    source = partition(50, per_second=1.0, wanted=lambda stored: parse(stored) if stored.number == 49 else None)
    assert offsets(source.next_batch()) == [49]


def test_it_waits_without_spinning_where_there_is_no_room_or_the_rate_says_so() -> None:
    room = [0]
    rests: list[float] = []
    source = partition(10, per_second=1.0, room=lambda: room[0], rests=rests)
    assert [source.next_batch() for _ in range(4)] == [[]] * 4
    assert rests == [0.001, 0.002]
    room[0] = 3
    assert offsets(source.next_batch()) == [0]
    assert [source.next_batch() for _ in range(3)] == [[]] * 3
    assert rests == [0.001, 0.002, 0.004, 0.001, 0.002]
    assert source.next_awake() == AT_ONCE


def test_it_takes_no_more_than_there_is_room_for() -> None:
    source = partition(10, room=lambda: 3)
    assert offsets(source.next_batch()) == [0, 1, 2]
    assert source.snapshot() == (1, {"part": 3})


def test_a_stop_ends_it_at_once_and_not_as_if_it_were_over() -> None:
    shutdown = Shutdown()
    source = partition(10, shutdown=shutdown)
    shutdown.request()
    with pytest.raises(StopIteration):
        source.next_batch()
    assert not shutdown.input_ended


def test_a_snapshot_of_another_version_is_refused_with_what_to_do() -> None:
    source = LetterInput(lambda _begin: Listed(1), parse, lambda: 1, Shutdown())
    assert source.list_parts() == ["letters"]
    with pytest.raises(ValueError, match="remove the replay's directory"):
        source.build_part("letters", "letters", (0, {}))
