"""Users are read before the flow starts, once: what cannot be taken up is a refusal, exit 2 and a clear text."""

from pathlib import Path
from typing import Any

import pytest

from connectors.state.engine_store import NewStore
from connectors.state.seal import unseal
from connectors.state.step_states import SINK, USERS, WINDOW, ShardState, SinkState, packed_window
from connectors.state.user_log import UserLog
from connectors.state.user_segments import Take
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.operators.user_store import shard_of
from flows.refusal import Refusal
from flows.runtime.lifecycle import refusing_directory
from flows.runtime.stream import Stream
from flows.settings import load
from tests.fixtures.wired import stream_of
from tests.unit.runtime.test_stream_parts import SETTINGS

SHARD = "0"


def _stream(directory: Path) -> Stream:
    (directory / "stream.toml").write_text(SETTINGS)
    return stream_of(load(directory / "stream.toml"), has_recovery=True)


def _store(directory: Path, step: str, key: str, state: Any) -> None:
    store = NewStore(directory / "state" / "recovery")
    store.put(step, key, state)
    store.close()


@pytest.mark.parametrize(
    ("step", "state", "said"),
    [
        (USERS, ("users", 99, SHARD, 1, 0), "as another version stores it"),
        (USERS, ShardState(SHARD, 7).packed(), "users"),
        (WINDOW, (99, []), "as another version stores it"),
        (SINK, SinkState([], {"one/id1": ((1, 0), (1, 9), 1, 0)}, None).packed(), "overflow"),
        (WINDOW, packed_window([("letter", 1)]), "the recovery store holds what this version cannot read"),
    ],
)
def test_a_state_that_cannot_be_taken_up_is_refused_before_the_flow_starts(
    tmp_path: Path, step: str, state: Any, said: str
) -> None:
    _store(tmp_path, step, SHARD, state)
    stream = _stream(tmp_path)
    with pytest.raises(Refusal) as refused:
        stream.delivering.take_up()
    assert said in str(refused.value)
    assert refused.value.code == 2
    stream.journal.close()


def test_a_store_that_another_version_has_written_is_refused_with_its_name(tmp_path: Path) -> None:
    _store(tmp_path, SINK, "appsflyer", (99, [], {}, None))
    with pytest.raises(Refusal) as refused, refusing_directory(Path("stream.toml"), tmp_path / "state"):
        _stream(tmp_path)
    said = str(refused.value)
    assert said.startswith(f"stream.toml: state.directory: the recovery store in {tmp_path / 'state/recovery'}")
    assert "as another version stores it; go on with the program that wrote it" in said


def test_the_recovery_store_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the wiring; what the flow goes on from is of that reading, and is let go when it is taken up."""
    _store(tmp_path, USERS, SHARD, ShardState(SHARD, 0).packed())
    stream = _stream(tmp_path)
    monkeypatch.setattr("connectors.state.engine_store.load_plain", None)
    assert [each.step for each in stream.state.stored] == [USERS]
    stream.delivering.take_up()
    assert not stream.state.stored
    stream.journal.close()


def test_the_users_of_a_shard_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the wiring; the engine gets those who were read when it begins."""
    first = _stream(tmp_path)
    logic = first.users_logic(None)
    (event,) = decode(Record(b'{"event_type": "e", "user_id": "u", "time": 1}', None, "events", 0, 1, 1))
    assert isinstance(event, Event)
    logic.on_batch([(event.user_key, (event, (), None))])
    stored = logic.snapshot()
    first.journal.close()
    (tmp_path / "state" / "lock").unlink()  # it is held by this very process
    _store(tmp_path, USERS, shard_of(event.user_key), unseal(stored))
    second = _stream(tmp_path)
    reads: list[int] = []
    read = UserLog.resume

    def counted(log: UserLog, generation: int, take: Take) -> None:
        reads.append(generation)
        read(log, generation, take)

    monkeypatch.setattr(UserLog, "resume", counted)
    second.delivering.take_up()
    assert second.parts.users() == 1
    second.users_logic(stored)
    assert (second.parts.users(), reads) == (1, [1])
    second.journal.close()
