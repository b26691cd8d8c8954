"""A state that is not what was written: a start names the file and ends with 2; put back, nothing is lost."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import settings_text
from tests.fixtures.stream import KEY, Stream

EVENTS = 600
IOS = "id123456789"


def _event(number: int) -> bytes:
    """Return an event of an app that is down, or of the other one."""
    app = {"platform": "iOS", "digits": 7} if number % 2 else {"platform": "Android", "digits": 19}
    return orjson.dumps(
        {
            "event_type": "Order Completed",
            "user_id": f"user-{number}",
            "insert_id": f"insert-{number}",
            "platform": app["platform"],
            "user_properties": {"appsflyer_id": f"1700000000000-{number:0{app['digits']}d}"},
        }
    )


def _stopped_with_events_set_aside(stream: Stream, sandbox: SandboxServer) -> Path:
    """Run until the iOS events wait in the spill, and stop; return the state directory."""
    (stream.directory / "sample.zip").write_bytes(b"\n".join(map(_event, range(1, EVENTS + 1))))
    text = settings_text("sample.zip", sandbox.url, "state", "dead-letters", "env:APPSFLYER_S2S_KEY")
    few = "[delivery]\nmax_pending = 100\nmax_in_flight = 50\ndrain_seconds = 0\n"
    stream.configure(text.replace("[delivery]\n", few))
    run = stream.start("-m", "flows", "run")
    sandbox.wait_until(lambda counts: counts["accepted_bodies"] >= EVENTS // 2, timeout_seconds=60)
    assert run.stop() == 0, run.log
    assert run.summary["syncs"]["trailmix"]["pending"] == EVENTS // 2
    return stream.directory / "state"


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _zero(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2] + bytes(size - size // 2))


def _flip_a_state(path: Path) -> None:
    """Change a byte of an event that waits in a snapshot: SQLite itself has no means to notice."""
    content = path.read_bytes()
    assert b"appsflyer" in content
    path.write_bytes(content.replace(b"trailmix", b"trailmax").replace(b"archives", b"archivez"))


def _flip_a_number(path: Path) -> None:
    """Let the store go on at another epoch, as if a byte of it had flipped."""
    with closing(sqlite3.connect(path)) as database:
        (trigger,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'again_fronts_UPDATE'").fetchone()
        database.execute("DROP TRIGGER again_fronts_UPDATE")
        database.execute("UPDATE fronts SET worker_frontier = worker_frontier - 1")
        database.execute(trigger)
        database.commit()


def _put_another_beside(path: Path) -> None:
    shutil.copy(path, path.with_name("part-1.sqlite3"))


HARMS: list[tuple[str, Callable[[Path], None]]] = [
    ("overflow/*/*.overflow", _flip),
    ("overflow/*/*.overflow", _cut),
    ("overflow/*/*.overflow", _zero),
    ("overflow/*/*.overflow", Path.unlink),
    ("recovery/part-0.sqlite3", _flip_a_state),
    ("recovery/part-0.sqlite3", _flip_a_number),
    ("recovery/part-0.sqlite3", _cut),
    ("recovery/part-0.sqlite3", _zero),
    ("recovery/part-0.sqlite3", _put_another_beside),
]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_start_refuses_what_was_not_written_and_goes_on_once_it_is_put_back(
    stream: Stream, adds_up: Callable[[dict[str, Any]], None]
) -> None:
    with SandboxServer.in_thread(keys=(KEY,), faults={"rule": [{"app_id": IOS, "status": 503}]}) as sandbox:
        state = _stopped_with_events_set_aside(stream, sandbox)
        copy = state.with_name("copy")
        shutil.copytree(state, copy)
        sandbox.set_faults({})
        for pattern, harm in HARMS:
            (path, *_) = sorted(state.glob(pattern))
            harm(path)
            refused = stream.start("-m", "flows", "run")
            assert refused.wait() == 2, (pattern, harm, refused.log)
            assert str(path.parent.relative_to(state.parent)) in refused.log, refused.log
            assert "Traceback" not in refused.log
            assert "panicked" not in refused.log
            shutil.rmtree(state)
            shutil.copytree(copy, state)
        assert sandbox.summary()["accepted_bodies"] == EVENTS // 2, "nothing was sent meanwhile"
        last = stream.start("-m", "flows", "run")
        assert last.wait() == 0, last.log
        counts = sandbox.summary()
    adds_up(last.summary)
    assert counts["accepted_bodies"] == counts["accepted"] == EVENTS
