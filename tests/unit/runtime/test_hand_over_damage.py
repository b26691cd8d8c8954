"""A hand-over that damage keeps from its end hands nothing over, and says which partitions those are."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.domain.slice import ALL
from flows.runtime.rekey.place import place
from flows.runtime.rekey.wiring import Rekeying
from flows.settings import load

SETTINGS = """[source]
kind = "kafka"
bootstrap_servers = "k:9092"
topic = "events"
group_id = "stream"

[[sync]]
name = "production"
ios_app_id = "id1"
s2s_key = "env:STREAM_TEST_KEY"
events = "all"
"""
TEXT = "topic 'events', partition 1: the records from offset 17 on are damaged"


class HandOver:
    """Notes whether the group was told to go on in the other topic."""

    def __init__(self) -> None:
        self.is_finished = False

    def finish(self) -> dict[int, int]:
        self.is_finished = True
        return {0: 1}


@pytest.mark.parametrize("unreadable", [{1: TEXT}, {}])
def test_where_a_partition_is_damaged_before_the_cut_nothing_is_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unreadable: dict[int, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAM_TEST_KEY", "a-key")
    Path("stream.toml").write_text(SETTINGS)
    settings = load(Path("stream.toml"))
    process: Any = Rekeying(place(settings, None, "by-user", hand_over=True), settings.delivery, ALL)
    process.kafka = SimpleNamespace(unreadable=unreadable, close=lambda: None)
    process._until = {0: 3, 1: 20, 2: 0}
    process._hand_over = HandOver()
    process.is_closed = process.shutdown.input_ended = True
    code = process.ended(has_failed=False)
    assert process._hand_over.is_finished is not bool(unreadable)
    assert code == (1 if unreadable else 0)
    written = capsys.readouterr().err
    if unreadable:
        assert f"--hand-over: {TEXT}\n1 of 3 partitions are not copied up to the group's place; nothing is" in written
