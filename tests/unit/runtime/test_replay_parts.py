"""What a replay is made of: looked at from outside it shows the replay's own ledger and outbox."""

from pathlib import Path

import pytest

from flows.domain.event import Position
from flows.operators.replay_filters import Filters
from flows.runtime.replay.plan import Plan
from flows.runtime.replay.wiring import Replay
from flows.settings import load

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


def test_the_view_shows_the_ledger_and_the_outbox_that_the_replay_works_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stream.toml").write_text(SETTINGS)
    the_plan = Plan("a-run", Filters(), again=False, ends={}, total=0)
    replay = Replay(load(Path("stream.toml")), the_plan, tmp_path / "state/replay/run", None)
    replay.ledger.resume(Position("letters", 0, 7), 0, 0)
    assert replay.parts.ledger.open_events == 1
    assert replay.parts.ledger is replay.ledger
    assert replay.parts.outbox is replay.outbox
