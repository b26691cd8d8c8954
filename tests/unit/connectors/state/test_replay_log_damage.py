"""Marks and plans of replays that are not what was written are refused: else letters are replayed twice, or never."""

import re
from pathlib import Path

import pytest

from connectors.state.damage import DamagedStateError
from connectors.state.journal import DELIVERED
from connectors.state.layout import MANIFEST
from connectors.state.manifest import Manifest
from connectors.state.replay_log import ReplayLog
from flows.domain.event import Position
from flows.operators.replay_filters import Filters
from flows.runtime.replay import plan
from flows.runtime.replay.plan import Plan

RUNS = 3


def _marks(root: Path, run: str = "now") -> ReplayLog:
    return ReplayLog(root / "marks", run, manifest=Manifest(root, has_recovery=False))


def _write(root: Path, *, crash: bool = False) -> list[Path]:
    for run in range(RUNS):
        marks = _marks(root, f"run-{run}")
        for offset in range(4):
            marks.record((Position("events", 0, 4 * run + offset), "one", 0), 1, DELIVERED)
            marks.flush()
        if not crash:
            marks.close()
    return sorted(root.glob("marks/*.marks"))


def _known(marks: ReplayLog) -> int:
    return sum(marks.is_ended((Position("events", 0, offset), "one", 0), 0) for offset in range(4 * RUNS))


@pytest.mark.parametrize("crash", [False, True])
def test_each_flipped_byte_is_refused(tmp_path: Path, crash: bool) -> None:  # noqa: FBT001 - a parameter of a test
    """Also in the last frame that a crash has left: it is told from an end that a crash has torn."""
    paths = _write(tmp_path, crash=crash)
    assert _known(_marks(tmp_path)) == 4 * RUNS
    for path in (paths[0], paths[-1]):
        content = path.read_bytes()
        for offset in range(len(content)):
            path.write_bytes(content[:offset] + bytes([content[offset] ^ 2]) + content[offset + 1 :])
            with pytest.raises(DamagedStateError, match=re.escape(str(path)) + ".*put it back"):
                _marks(tmp_path)
        path.write_bytes(content)


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_missing_file_is_named(tmp_path: Path, place: int) -> None:
    path = _write(tmp_path)[place]
    path.unlink()
    with pytest.raises(DamagedStateError, match=re.escape(str(path)) + " is missing.*manifest.json"):
        _marks(tmp_path)
    (tmp_path / MANIFEST).unlink()
    assert _known(_marks(tmp_path)) == 4 * (RUNS - 1), "as the message says"


def test_a_cut_file_is_refused_and_a_torn_end_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = _write(tmp_path, crash=True)
    first, last = paths[0].read_bytes(), paths[-1].read_bytes()
    paths[-1].write_bytes(last[:-5])
    assert _known(_marks(tmp_path)) == 4 * RUNS - 1
    assert "torn" in "".join(capsys.readouterr())
    paths[-1].write_bytes(last)
    paths[0].write_bytes(first[:-5])
    with pytest.raises(DamagedStateError, match=re.escape(str(paths[0])) + " is not what was written"):
        _marks(tmp_path)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "marks" / "notes.marks").write_bytes(b"?")
    with pytest.raises(DamagedStateError, match=r"notes\.marks is no file of the stream's"):
        _marks(tmp_path)


def test_each_flipped_byte_of_a_plan_is_refused(tmp_path: Path) -> None:
    """A changed end would leave letters out without a word."""
    directory = tmp_path / "run-1"
    made = Plan("0123", Filters(("rejected",), ("one",)), again=False, ends={"letters.ndjson": 1234}, total=7)
    plan.save(made, directory)
    assert plan.load(directory) == made
    path = directory / "plan.json"
    content = path.read_bytes()
    for offset in range(len(content)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        with pytest.raises(DamagedStateError, match=r"plan\.json is damaged; put it back"):
            plan.load(directory)
    path.write_bytes(b"")
    with pytest.raises(DamagedStateError, match="is damaged"):
        plan.load(directory)


def test_an_earlier_versions_plan_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(
        b'{"run":"1","filters":{"reasons":["rejected"],"syncs":[],"since_ms":null,"until_ms":null},"again":false,'
        b'"ends":{"a":1},"total":2,"letters_per_second":0.0}'
    )
    found = plan.load(tmp_path)
    assert found is not None
    assert found.ends == {"a": 1}
