"""`check` tells which archives are not what they were when they were read."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.files.known import Known, KnownFile
from connectors.files.known_check import known_files
from connectors.files.settings import FilesSource
from connectors.files.source import PARTITION, FilesInput
from connectors.finding import Mark
from connectors.shutdown import Shutdown
from connectors.state.engine_store import NewStore
from connectors.state.step_states import SOURCE
from flows.settings import load
from flows.settings.model import Settings
from tests.fixtures.opening import opening

TEXT = """\
[source]
kind = "files"
paths = ["{directory}/*.ndjson"]

[state]
directory = "{directory}/state"

[[sync]]
name = "one"
ios_app_id = "id123456789"
s2s_key = "env:CHECK_KEY"
events = "all"
"""


def rows(name: str, count: int) -> bytes:
    return b"".join(b'{"%s":%d}\n' % (name.encode(), row) for row in range(1, count + 1))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "stream.toml"
    path.write_text(TEXT.format(directory=tmp_path), encoding="utf-8")
    return load(path)


def read_all(settings: Settings) -> None:
    """Leave behind what a run does that has read everything."""
    assert isinstance(settings.source, FilesSource)
    shutdown = Shutdown()
    source = FilesInput(settings.source, opening(shutdown))
    part = source.build_part("source", PARTITION, None)
    while not shutdown.input_ended:
        with suppress(StopIteration):
            part.next_batch()
    store = NewStore(settings.state.directory / "recovery")
    store.put(SOURCE, PARTITION, part.snapshot())
    store.close()


def found(settings: Settings) -> list[tuple[Mark, str]]:
    assert isinstance(settings.source, FilesSource)
    directory = settings.path.parent
    return [
        (each.mark, each.text.replace(str(directory), "."))
        for each in known_files(settings.state.directory, settings.source)
    ]


def test_files_that_were_replaced_appended_to_or_moved_are_named(settings: Settings, tmp_path: Path) -> None:
    for name in ("same", "replaced", "grown", "old-name"):
        (tmp_path / f"{name}.ndjson").write_bytes(rows(name, 4))
    assert found(settings) == []  # nothing was read yet
    read_all(settings)
    assert found(settings) == []
    (tmp_path / "replaced.ndjson").write_bytes(rows("another", 4))
    (tmp_path / "grown.ndjson").write_bytes(rows("grown", 6))
    (tmp_path / "old-name.ndjson").rename(tmp_path / "new-name.ndjson")
    (tmp_path / "new.ndjson").write_bytes(rows("new", 2))
    assert found(settings) == [
        (
            Mark.NOTE,
            "source.paths: ./replaced.ndjson is another file than the one that was read under this name",
        ),
        (Mark.NOTE, "source.paths: ./grown.ndjson has changed since it was read up to line 4"),
        (
            Mark.NOTE,
            "source.paths: ./new-name.ndjson was read up to line 4 under the name ./old-name.ndjson",
        ),
    ]


def test_of_many_the_rest_is_counted(settings: Settings, tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.ndjson").write_bytes(rows(f"old{number}", 4))
    read_all(settings)
    for number in range(9):
        (tmp_path / f"{number}.ndjson").write_bytes(rows(f"new{number}", 4))
    texts = [text for _, text in found(settings)]
    assert len(texts) == 6
    assert texts[-1] == "source.paths: 4 more of which the same holds"


@pytest.mark.parametrize("bound", ["count", "time"])
def test_no_more_than_so_many_are_compared_and_the_others_are_counted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    (tmp_path / "z.ndjson").write_bytes(rows("old", 4))
    read_all(settings)
    for number in range(6):
        (tmp_path / f"{number}.ndjson").write_bytes(rows(f"new{number}", 4))
    (tmp_path / "z.ndjson").write_bytes(rows("new", 4))
    compared: list[str] = []

    def look(known: Known, path: str) -> KnownFile:
        compared.append(path)
        return real(known, path)

    real = Known.look
    monkeypatch.setattr(Known, "look", look)
    if bound == "count":
        monkeypatch.setattr("connectors.files.known_check._MOST_COMPARED", 2)
    else:
        times = iter([0.0, 0.0, 4.9, 5.1])
        monkeypatch.setattr("connectors.files.known_check.time", SimpleNamespace(monotonic=lambda: next(times)))
    assert [text for _, text in found(settings)] == [
        "source.paths: ./z.ndjson is another file than the one that was read under this name",
        ("source.paths: 2 of 7 files that are new or have changed were compared with those that were read; 5 were not"),
    ]
    assert [Path(path).name for path in compared] == ["z.ndjson", "0.ndjson"]


def test_a_store_that_cannot_be_read_is_left_to_the_start(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(rows("a", 4))
    read_all(settings)
    (settings.state.directory / "recovery" / "part-0.sqlite3").write_bytes(b"no database")
    assert found(replace(settings)) == []
