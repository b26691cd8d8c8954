"""What a replay is made of: looked at from outside it shows the replay's own ledger and outbox."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.state.engine_store import NewStore
from flows.domain.event import Position
from flows.operators.replay_filters import Filters
from flows.runtime.replay.plan import Plan
from flows.runtime.replay.wiring import Replay
from flows.settings import load
from flows.settings.model import Settings

SETTINGS = """\
[source]
kind = "files"
paths = ["events.json"]

[dead_letters]
kind = "files"
directory = "letters"

[[sync]]
name = "one"
ios_app_id = "id123456789"
s2s_key = "env:KEY"
events = "all"
"""


PLAN = Plan("a-run", Filters(), again=False, ends={}, total=0)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    Path("stream.toml").write_text(SETTINGS)
    return load(Path("stream.toml"))


def test_the_view_shows_the_ledger_and_the_outbox_that_the_replay_works_with(
    tmp_path: Path, settings: Settings
) -> None:
    replay = Replay(settings, PLAN, tmp_path / "state/replay/run")
    replay.ledger.resume(Position("letters", 0, 7), 0, 0)
    assert replay.parts.ledger.open_events == 1
    assert replay.parts.ledger is replay.ledger
    assert replay.parts.outbox is replay.outbox


def test_the_store_of_a_replay_keeps_its_numbers_twice_as_the_streams_does(tmp_path: Path, settings: Settings) -> None:
    directory = tmp_path / "state/replay/run"
    NewStore(directory / "recovery").close()
    Replay(settings, PLAN, directory)
    with closing(sqlite3.connect(directory / "recovery/part-0.sqlite3")) as store:
        assert store.execute("SELECT a, b, c FROM again WHERE of_table = 'fronts'").fetchall() == [(0, 0, 2)]
