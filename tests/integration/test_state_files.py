"""Every file of a real state, harmed in every way: a start refuses it by name, or takes up exactly what was written.

The state is a real stream's, with events that wait on the disk and in memory; once stopped, once killed. It is taken up
by the parts of a start, without the engine; `end_to_end/test_damaged_state.py` starts the real command.
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import StoreError, check_store, read_store, stored_snapshot
from connectors.state.journal import Journal
from connectors.state.journal_segment import read_segment
from connectors.state.layout import MANIFEST
from connectors.state.manifest import Manifest, Snapshot
from connectors.state.spill import Spill
from connectors.state.user_segments import read_log
from examples.sample_archive import settings_text
from tests.fixtures.stream import KEY, Stream

pytestmark = pytest.mark.xdist_group("state files")  # the state is made once

EVENTS: Final = 400
IOS: Final = "id123456789"
FLIPS: Final = 10
"""Places in each file at which a byte is flipped."""
NOTHING_TO_GO_BY: Final = ("lock", "ballast", "-shm")
"""Ends of names of files that hold nothing which a start goes by."""


def _event(number: int, stream: str) -> bytes:
    """Return an event of an app that is down, or of the other one."""
    platform, digits = ("iOS", 7) if number % 2 else ("Android", 19)
    return orjson.dumps(
        {
            "event_type": "Order Completed",
            "user_id": f"user-{number}",
            "insert_id": f"{stream}-{number}",
            "platform": platform,
            "user_properties": {"appsflyer_id": f"1700000000000-{number:0{digits}d}"},
        }
    )


def _interrupted(directory: Path, *, kill: bool) -> Path:
    """Run until the events of one app wait, and end it; return the state directory."""
    directory.mkdir()
    stream = Stream(directory)
    lines = (_event(each, directory.name) for each in range(1, EVENTS + 1))
    (directory / "sample.zip").write_bytes(b"\n".join(lines))
    with SandboxServer.in_thread(keys=(KEY,), faults={"rule": [{"app_id": IOS, "status": 503}]}) as sandbox:
        text = settings_text("sample.zip", sandbox.url, "state", "dead-letters", "env:APPSFLYER_S2S_KEY")
        few = "[delivery]\nmax_pending = 40\nmax_in_flight = 20\ndrain_seconds = 0\n"
        stream.configure(text.replace("[delivery]\n", few).replace("[state]\n", "[state]\nepoch_seconds = 1\n"))
        run = stream.start("-m", "flows", "run")
        try:
            sandbox.wait_until(
                lambda counts: counts["accepted_bodies"] >= EVENTS // 2 and _has_snapshot(directory / "state"),
                timeout_seconds=60,
            )
        finally:
            if kill:
                run.kill()
            else:
                assert run.stop() == 0, run.log
    return directory / "state"


def _has_snapshot(state: Path) -> bool:
    """Whether the engine's store holds users already; it is written to meanwhile."""
    recovery = state / "recovery"
    with suppress(StoreError, OSError):
        has_store = any(recovery.glob("part-*.sqlite3"))
        return has_store and any(each.step.endswith(".identify") for each in read_store(recovery))
    return False


class TakenUp(NamedTuple):
    """All that a start goes on with."""

    snapshot: Snapshot | None
    states: list[Any]
    fates: list[Any]
    aside: dict[str, list[Any]]
    users: dict[str, Any]


def _take_up(state: Path) -> TakenUp:
    """Take a state up as a start does. Raises what a start makes a refusal of."""
    recovery = state / "recovery"
    has_store = any(recovery.glob("part-*.sqlite3"))  # else the command makes an empty one
    stored, states = None, []
    if has_store:
        check_store(recovery)
        states = sorted(read_store(recovery), key=lambda each: (each.step, each.key))
        stored = stored_snapshot(states)
    manifest = Manifest(state, stored)
    Journal(state / "journal", manifest).close()
    fates = [fate for path in sorted(state.glob("journal/*.journal")) for fate in read_segment(path)]
    aside: dict[str, list[Any]] = {}
    users: dict[str, Any] = {}
    for each in states:
        if each.step.endswith(".deliver"):
            for lane, mark in each.state[2].items():
                spill = Spill(state / "overflow" / quote(lane, safe=""), mark)
                aside[lane] = list(spill.peek())
                spill.close()
        elif each.step.endswith(".identify"):
            _, _, shard, generation, *_ = each.state
            read_log(state / "users" / shard, generation, users.__setitem__, manifest.state)
    return TakenUp(stored, states, sorted(fates, key=repr), aside, users)


class Written:
    """A real state, which is put back after each harm."""

    def __init__(self, directory: Path, *, kill: bool) -> None:
        self.is_killed = kill
        self.others = _interrupted(directory / "others", kill=kill)
        self.state = _interrupted(directory / "mine", kill=kill)
        self._copy = directory / "copy"
        shutil.copytree(self.state, self._copy)
        self.whole = _take_up(self.state)
        self.put_back()

    def put_back(self) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self._copy, self.state)

    def files(self) -> list[Path]:
        """Return every file that a start goes by."""
        return [
            path
            for path in sorted(self.state.rglob("*"))
            if path.is_file() and not path.name.endswith(NOTHING_TO_GO_BY)
        ]

    def refuses_or_is_whole(self, harmed: Path, harm: str) -> bool:
        """Return whether the harm was refused, by name; else everything is there. Puts the state back."""
        try:
            found = _take_up(self.state)
        except DamagedStateError as problem:
            said = str(problem)
            place = harmed.relative_to(self.state).parts[0]
            assert str(self.state / place) in said or "manifest.json" in said, (harmed, harm, said)
            assert re.search("put (it|both) back|move it out", said), (harmed, harm, said)
            return True
        except OSError as problem:
            if not str(problem.filename).startswith(str(self.state)):
                pytest.fail(f"{harmed}, {harm}: {problem} names no file of the state")
            return True
        else:
            self._assert_harmless(found, harmed, harm)
            return False
        finally:
            self.put_back()

    def _assert_harmless(self, found: TakenUp, harmed: Path, harm: str) -> None:
        if found == self.whole:
            return
        where = (harmed, harm)
        if harmed.name.endswith((".sqlite3", "-wal")) and self.is_killed:
            # As a crash of the machine: what the snapshots before the last one need is kept.
            before = self.whole.snapshot.number if self.whole.snapshot else 0
            assert (found.snapshot.number if found.snapshot else 0) >= before - 2, where
            assert found.fates == self.whole.fates, where
            return
        if harmed.name.endswith(".journal") and self.is_killed:  # its end may be one that a crash has torn
            assert harm in {"cut", "zero", "empty"}, where
            assert found._replace(fates=[]) == self.whole._replace(fates=[]), where
            return
        pytest.fail(f"{where}: gone on from in silence")


@pytest.fixture(scope="module", params=[False, True], ids=["stopped", "killed"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A state after a clean stop, and one after kill -9."""
    return Written(tmp_path_factory.mktemp("state"), kill=request.param)


def test_each_kind_of_file_is_there(written: Written) -> None:
    names = {str(path.relative_to(written.state)) for path in written.files()}
    for kind in ("manifest.json", r"recovery/part-0\.sqlite3", r"journal/\d+\.journal", r"users/\d/\d+\.users"):
        assert any(re.fullmatch(kind, name) for name in names), (kind, names)
    assert written.whole.users
    assert written.whole.snapshot is not None
    assert sum(map(len, written.whole.aside.values())) > 0 or written.is_killed


def test_a_flipped_byte(written: Written) -> None:
    refused = 0
    for path in written.files():
        content = path.read_bytes()
        for offset in sorted({len(content) * place // FLIPS for place in range(FLIPS)} if content else ()):
            path.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
            refused += written.refuses_or_is_whole(path, f"flip {offset}")
    assert refused > FLIPS


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _zero(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2] + bytes(size - size // 2))


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _gone(path: Path) -> None:
    path.unlink()


def _a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("harm", [_cut, _zero, _empty, _gone, _a_directory, _dangling])
def test_a_file_that_is_cut_zeroed_gone_or_no_file(written: Written, harm: Callable[[Path], None]) -> None:
    for path in written.files():
        if path.stat().st_size:
            harm(path)
            written.refuses_or_is_whole(path, harm.__name__.strip("_"))


def test_another_streams_file(written: Written) -> None:
    """Of the same name, as far on, and whole."""
    for path in written.files():
        others = written.others / path.relative_to(written.state)
        if others.exists() and others.read_bytes() != path.read_bytes():
            shutil.copy(others, path)
            is_refused = written.refuses_or_is_whole(path, "another's")
            assert is_refused or (written.is_killed and "sqlite3" in path.name), path  # the other file has all of it


def test_a_directory_that_is_gone_or_another_streams(written: Written) -> None:
    for path in sorted(written.state.iterdir()):
        if path.is_dir() and any(each.is_file() and each.stat().st_size for each in path.rglob("*")):
            shutil.rmtree(path)
            if path.name == "recovery" and written.is_killed:  # after few snapshots a start without it loses nothing
                written.refuses_or_is_whole(path / "part-0.sqlite3", "gone")
            else:
                assert written.refuses_or_is_whole(path, "gone"), path
            shutil.rmtree(path)
            shutil.copytree(written.others / path.name, path)
            assert written.refuses_or_is_whole(path, "another's"), path


def test_a_manifest_that_is_gone_is_made_anew(written: Written) -> None:
    (written.state / MANIFEST).unlink()
    assert _take_up(written.state) == written.whole
    assert (written.state / MANIFEST).exists()
    written.put_back()


def test_sqlite_is_as_a_start_reads_it(written: Written) -> None:
    """The store of a killed stream has a write-ahead log that it needs."""
    wal = written.state / "recovery" / "part-0.sqlite3-wal"
    assert wal.exists() == written.is_killed
    with sqlite3.connect(written.state / "recovery" / "part-0.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    written.put_back()
