import json
import os
import resource
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.dead_letters import LettersUnavailableError, headers
from connectors.files.damage import Damage
from connectors.files.dead_letters import FileLetterWriter
from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason, Stage
from tests.fixtures.examples import examples
from tests.fixtures.letters import read_letters


def letter(value: bytes = b"{}", key: bytes | None = None, error: str = "no JSON") -> DeadLetter:
    position = Position("events", 3, 14, 1)
    return DeadLetter(
        DeadLetterReason.UNDECODABLE, Stage.DECODE, None, 0, None, error, value, key, position, 1_700_000_000_000
    )


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 15, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return what it is set to."""
        return self.now


@examples(50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.binary() | st.text().map(str.encode), st.none() | st.binary(max_size=9)), max_size=5))
def test_values_and_keys_come_back_byte_for_byte(tmp_path: Path, pairs: list[tuple[bytes, bytes | None]]) -> None:
    directory = tmp_path / os.urandom(8).hex()
    letters = [letter(value, key) for value, key in pairs]
    FileLetterWriter(directory).write(letters)
    stored = list(read_letters(directory))
    assert [(each.value, each.key, each.headers) for each in stored] == [
        (each.value, each.key, headers(each)) for each in letters
    ]


def test_a_line_is_json_that_people_and_tools_can_read(tmp_path: Path) -> None:
    FileLetterWriter(tmp_path).write([letter('{"ü":1}'.encode(), b"\xff")])
    (path,) = tmp_path.iterdir()
    line = json.loads(path.read_bytes())
    assert line["value"] == '{"ü":1}'
    assert line["key"] == {"base64": "/w=="}
    assert line["headers"]["reason"] == "undecodable"
    assert line["headers"]["offset"] == "14"


def test_headers_that_are_no_unicode_text_lose_no_letter(tmp_path: Path) -> None:
    FileLetterWriter(tmp_path).write([letter(error="\udcff")])
    assert [each.headers["error"] for each in read_letters(tmp_path)] == ["\\udcff"]


def test_there_is_a_file_for_each_day_in_the_order_of_time_and_none_without_letters(tmp_path: Path) -> None:
    clock = Clock()
    directory = tmp_path / "to" / "be" / "made"
    writer = FileLetterWriter(directory, clock)
    writer.write([])
    assert not directory.exists()
    writer.write([letter(b"1")])
    writer.write([letter(b"2")])
    clock.now += timedelta(minutes=2)
    writer.write([letter(b"3")])
    writer.close()
    names = sorted(path.name for path in directory.iterdir())
    assert [name[:24] for name in names] == ["dead-letters-2026-01-15-", "dead-letters-2026-01-16-"]
    assert [each.value for each in read_letters(directory)] == [b"1", b"2", b"3"]


def test_two_processes_that_start_at_the_same_instant_never_share_a_file(tmp_path: Path) -> None:
    clock = Clock()
    for value in (b"1", b"2"):
        FileLetterWriter(tmp_path, clock).write([letter(value)])
    assert len(list(tmp_path.iterdir())) == 2


def test_only_the_owner_may_read_dead_letters(tmp_path: Path) -> None:
    directory = tmp_path / "letters"
    FileLetterWriter(directory).write([letter()])
    (path,) = directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_file_that_is_moved_away_while_it_is_written_loses_nothing(tmp_path: Path) -> None:
    writer = FileLetterWriter(tmp_path / "new")
    writer.write([letter(b"1")])
    (path,) = (tmp_path / "new").iterdir()
    path.rename(tmp_path / path.name)
    writer.write([letter(b"2")])
    assert [each.value for each in read_letters(tmp_path)] == [b"1"]
    assert [each.value for each in read_letters(tmp_path / "new")] == [b"2"]


def test_a_torn_last_line_is_reported_and_harms_no_letter(tmp_path: Path) -> None:
    FileLetterWriter(tmp_path).write([letter(b"1"), letter(b"2")])
    (torn,) = tmp_path.iterdir()
    torn.write_bytes(torn.read_bytes()[:-5])
    FileLetterWriter(tmp_path).write([letter(b"3")])
    damages: list[Damage] = []
    assert [each.value for each in read_letters(tmp_path, damages.append)] == [b"1", b"3"]
    assert damages == [Damage(str(torn), None, 2, "the last letter breaks off in the middle")]


def test_lines_that_are_no_letters_are_reported_and_skipped(tmp_path: Path) -> None:
    FileLetterWriter(tmp_path).write([letter(b"1")])
    (path,) = tmp_path.iterdir()
    others = (
        b"[]",
        b'{"value":1,"key":null,"headers":{}}',
        b'{"value":"","key":null,"headers":[]}',
        b"\xff",
        b'{"key":1}',
    )
    path.write_bytes(b"".join(line + b"\n" for line in others) + path.read_bytes())
    damages: list[Damage] = []
    assert [each.value for each in read_letters(tmp_path, damages.append)] == [b"1"]
    assert [damage.line for damage in damages] == [1, 2, 3, 4, 5]


def test_a_directory_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    writer = FileLetterWriter(tmp_path / "file" / "letters")
    with pytest.raises(LettersUnavailableError, match=r"file/letters: Not a directory"):
        writer.write([letter()])


def test_after_a_full_disk_nothing_is_torn_and_nothing_is_there_twice(tmp_path: Path) -> None:
    writer = FileLetterWriter(tmp_path)
    writer.write([letter(b"1")])
    (path,) = tmp_path.iterdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel's limit on file sizes stands in for a full disk: it too writes what fits and then fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, hard))
    try:
        with pytest.raises(LettersUnavailableError, match="File too large"):
            writer.write([letter(b"2"), letter(b"x" * 2000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.write([letter(b"2"), letter(b"3")])
    damages: list[Damage] = []
    assert [each.value for each in read_letters(tmp_path, damages.append)] == [b"1", b"2", b"3"]
    assert damages == []
    assert len(list(tmp_path.iterdir())) == 1
