"""The contract of `connectors.ports.DeadLetterStore`, kept by every kind: in a real topic, in files, or in memory."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.dead_letters import StoredLetter, headers, parse
from connectors.finding import Mark
from connectors.kinds import DEAD_LETTERS, store_of
from connectors.memory.kind import LettersInMemory
from connectors.memory.settings import MemoryDeadLetters, MemorySource
from connectors.ports import DeadLetterStore
from flows.domain.fate import DeadLetter
from tests.fixtures.letters import letter

PATIENCE_SECONDS = 30.0


LETTERS = [letter(0), letter(1, b"\xff\x00", key=b"\xfe"), letter(2, "ü".encode(), key=None), letter(3, b"")]


def _store(kind: str, table: dict[str, Any], base: Path) -> DeadLetterStore:
    written: Any = DEAD_LETTERS[kind].table.model_validate({"kind": kind, **table})
    return store_of(written.settings(base, MemorySource(())))


def _memory(tmp_path: Path, request: pytest.FixtureRequest) -> DeadLetterStore:
    del tmp_path, request
    return LettersInMemory(MemoryDeadLetters())


def _files(tmp_path: Path, request: pytest.FixtureRequest) -> DeadLetterStore:
    del request
    return _store("files", {"directory": "letters"}, tmp_path)


def _kafka(tmp_path: Path, request: pytest.FixtureRequest) -> DeadLetterStore:
    address, topic = request.getfixturevalue("kafka"), request.getfixturevalue("make_topic")()
    return _store("kafka", {"bootstrap_servers": address, "topic": topic}, tmp_path)


@pytest.fixture(params=[_memory, _files, pytest.param(_kafka, marks=pytest.mark.kafka)], ids=lambda make: make.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DeadLetterStore:
    make: Callable[[Path, pytest.FixtureRequest], DeadLetterStore] = request.param
    return make(tmp_path, request)


def _write(store: DeadLetterStore, letters: list[DeadLetter]) -> None:
    writer = store.writer()
    writer.write(letters)
    writer.close()


def _read(store: DeadLetterStore, ends: Mapping[str, int], begin: Mapping[str, int]) -> list[StoredLetter]:
    damages: list[object] = []
    reader = store.read(ends, begin, damages.append)
    found, until = list[StoredLetter](), time.monotonic() + PATIENCE_SECONDS
    while not reader.is_over:
        assert time.monotonic() < until
        found += reader.read()
    reader.close()
    assert not damages
    return found


def test_what_was_written_is_read_by_others_as_it_was(store: DeadLetterStore) -> None:
    _write(store, LETTERS)
    ends, total = store.bounds()
    assert total == len(LETTERS)
    found = _read(store, ends, {})
    assert [(each.value, each.key) for each in found] == [(each.value, each.key) for each in LETTERS]
    assert [dict(each.headers) for each in found] == [dict(headers(each)) for each in LETTERS]
    assert [parse(each).position.offset for each in found] == [0, 1, 2, 3]


def test_a_range_is_read_alone(store: DeadLetterStore) -> None:
    _write(store, LETTERS[:2])
    ends, _ = store.bounds()
    _write(store, LETTERS[2:])
    assert [each.value for each in _read(store, ends, {})] == [each.value for each in LETTERS[:2]]
    first = _read(store, ends, {})[0]
    begin = {first.part: first.number + 1}
    assert [each.value for each in _read(store, ends, begin)] == [LETTERS[1].value]
    assert store.bounds().total == len(LETTERS)


def test_a_place_without_letters_has_none(store: DeadLetterStore) -> None:
    ends, total = store.bounds()
    assert (total, _read(store, ends, {})) == (0, [])


def test_what_is_erased_is_gone_and_the_others_stay(store: DeadLetterStore) -> None:
    _write(store, LETTERS)
    before = store.bounds().ends
    erased = store.erase(lambda stored: not isinstance(stored, bytes) and stored.key == b"\xfe")
    left = [each.value for each in _read(store, before, {})]
    if erased is None:  # out of reach
        assert left == [each.value for each in LETTERS]
        return
    assert erased == 1
    assert left == [each.value for each in LETTERS if each.key != b"\xfe"]
    assert store.bounds().ends == before, "an interrupted replay goes on by them"
    assert store.erase(lambda stored: not isinstance(stored, bytes) and stored.key == b"\xfe") == 0


def test_nothing_is_in_the_way_of_a_place_that_is_there(store: DeadLetterStore) -> None:
    assert store.blocked() is None
    assert not [*store.obstacles(), *store.missing()]
    assert {each.mark for each in store.check()} <= {Mark.FINE}
    assert store.id() == store.id()
    assert store.place
    assert store.place in store.title


def test_files_say_which_directory_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("a file")
    store = _store("files", {"directory": "letters/of/today"}, tmp_path)
    assert store.blocked() == f"{tmp_path}/letters/of/today cannot be written to"


@pytest.mark.kafka
def test_kafka_says_which_topic_is_missing(kafka: str, tmp_path: Path) -> None:
    store = _store("kafka", {"bootstrap_servers": kafka, "topic": "not-there"}, tmp_path)
    assert list(store.missing()) == ["dead_letters.topic: there is no topic not-there"]
    (finding,) = store.check()
    assert (finding.mark, finding.text) == (Mark.FAILED, "dead_letters.topic: there is no topic not-there")
