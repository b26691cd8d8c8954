"""Reload: what a change of the settings takes, and that a file which a start would refuse changes nothing."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.ledger.ledger import Ledger
from connectors.metrics.parts import Reload
from connectors.stopping import Stopping
from flows.reload import How, Reloader, hand_over, handed_over, obstacles_to_restart, weigh
from flows.settings.file import parse
from flows.settings.model import Settings
from flows.slices import Slice
from flows.steps.event import Position

TEXT = """\
[source]
kind = "files"
paths = ["none.json"]

[dead_letters]
kind = "files"
directory = "letters"

[[sync]]
name = "one"
enabled = true
ios_app_id = "id1"
s2s_key = "env:RELOAD_KEY"
[[sync.event]]
name = "Order"

[[sync]]
name = "two"
enabled = false
ios_app_id = "id2"
s2s_key = "env:RELOAD_KEY"
[[sync.event]]
name = "Order"
"""


def settings(text: str = TEXT) -> Settings:
    return parse(text, Path("/nowhere/stream.toml"))


@pytest.mark.parametrize(
    ("before", "after", "how", "what"),
    [
        ("", "", How.NOTHING, "nothing"),
        ('name = "Order"', 'name = "Sign Up"', How.IN_PLACE, "one"),
        ('name = "Order"', 'name = "Order"\nsend_as = "af_purchase"', How.IN_PLACE, "one"),
        ("enabled = true", 'enabled = true\ndefault_currency = "EUR"', How.IN_PLACE, "one"),
        ("enabled = true", 'enabled = true\nios_bundle_id = "com.example"', How.IN_PLACE, "one"),
        ("enabled = true", 'enabled = true\nexclude = ["email"]', How.IN_PLACE, "one"),
        ("enabled = true", 'enabled = true\nconsent_where = [{property = "user.ok", is = "y"}]', How.IN_PLACE, "one"),
        ("enabled = false", 'enabled = false\ndefault_currency = "EUR"', How.IN_PLACE, "not enabled"),
        ("enabled = false", "enabled = true", How.RESTART, "which syncs"),
        ('name = "one"', 'name = "uno"', How.RESTART, "which syncs"),
        ('"id1"', '"id9"', How.RESTART, "app id"),
        ('"id1"', '"id1"\nandroid_app_id = "com.example"', How.RESTART, "app id"),
        ("env:RELOAD_KEY", "env:OTHER_KEY", How.RESTART, "place of a key"),
        ("s2s_key", "dev_key", How.RESTART, "place of a key"),
        ("[source]", "[window]\nmax_events = 7\n[source]", How.RESTART, "[window] is"),
        ("[source]", "[window]\nmax_events = 7\n[identity]\nhold_seconds = 1\n[source]", How.RESTART, "are different"),
        ("[source]", "[state]\nepoch_seconds = 7\n[source]", How.BY_HAND, "[state]"),
    ],
)  # fmt: skip
def test_what_a_change_takes(before: str, after: str, how: How, what: str) -> None:
    change = weigh(settings(), settings(TEXT.replace(before, after, 1)))
    assert change.how is how
    assert what in change.what


def test_another_order_of_enabled_syncs_takes_a_restart() -> None:
    """The ledger's entries go by their places."""
    both = settings(TEXT.replace("enabled = false", "enabled = true"))
    assert weigh(both, replace(both, syncs=both.syncs[::-1])).how is How.RESTART


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_what_would_keep_a_start_from_coming_up_is_found_before(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELOAD_KEY", "x")
    old = settings()

    def problems(before: str, after: str, *, has_recovery: bool = True) -> str:
        new = settings(TEXT.replace(before, after))
        return "\n".join(obstacles_to_restart(old, new, Slice(0, 1), has_recovery=has_recovery))

    assert problems("", "") == ""
    assert "no sync is enabled" in problems("enabled = true", "enabled = false")
    assert "NO_SUCH_KEY" in problems("RELOAD_KEY", "NO_SUCH_KEY")
    assert "read the archives again" in problems("", "", has_recovery=False)
    assert "health.port" in problems("[source]", f"[health]\nport = {taken_port}\n[source]")
    assert "ca_file" in problems("[source]", '[delivery]\nca_file = "no-such-file"\n[source]')
    kafka = 'kind = "kafka"\nbootstrap_servers = "127.0.0.1:9"\ntopic = "t"\ngroup_id = "g"'
    assert "Kafka cannot be used" in problems('kind = "files"\npaths = ["none.json"]', kafka)


class Compiled:
    """Takes note of what it is to use."""

    def __init__(self) -> None:
        self.used: list[Settings] = []

    def use(self, settings: Settings) -> None:
        self.used.append(settings)


Make = Callable[[], tuple[Reloader, Any, Compiled]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function to a reloader of a file in `tmp_path`, its parts and its compiled steps."""
    monkeypatch.setenv("RELOAD_KEY", "x")
    path = tmp_path / "stream.toml"

    def make() -> tuple[Reloader, Any, Compiled]:
        path.write_text(TEXT)
        parts: Any = SimpleNamespace(
            settings=parse(TEXT, path),
            stopping=Stopping(),
            slice_index=0,
            slice_count=1,
            reload=None,
            note_settings=lambda: None,
            ledger=Ledger(["one"], 100),
            courier=None,
        )
        compiled: Any = Compiled()
        return Reloader(parts, compiled, path, has_recovery=True), parts, compiled

    return make


def test_a_mistake_changes_nothing_and_is_told(make: Make, tmp_path: Path) -> None:
    """The log has each mistake; the result, which /status shows, has their keys and none of the values."""
    reloader, parts, compiled = make()
    before = parts.settings
    (tmp_path / "stream.toml").write_text(TEXT.replace("id1", "s3cret app").replace('"Order"', "7"))
    with capture_logs() as logs:
        reloader.reload()
    assert (parts.settings, compiled.used, parts.stopping.requested) == (before, [], False)
    assert parts.reload.ok is False
    assert "sync[one].ios_app_id" in parts.reload.result
    assert "s3cret" not in parts.reload.result
    assert len(logs[0]["problems"]) == 3


def test_a_filter_is_taken_in_place(make: Make, tmp_path: Path) -> None:
    reloader, parts, compiled = make()
    (tmp_path / "stream.toml").write_text(TEXT.replace("Order", "Sign Up", 1))
    reloader.reload()
    assert compiled.used == [parts.settings]
    assert parts.reload.ok is True
    assert parts.stopping.requested is False


def test_a_new_sync_asks_for_a_restart(make: Make, tmp_path: Path) -> None:
    reloader, parts, compiled = make()
    (tmp_path / "stream.toml").write_text(TEXT.replace("enabled = false", "enabled = true"))
    reloader.reload()
    assert (parts.stopping.requested, parts.stopping.restart) == (True, True)
    assert compiled.used == []
    assert "restarted" in parts.reload.result


def test_what_waits_for_a_sync_that_is_left_out_is_said_beforehand(make: Make, tmp_path: Path) -> None:
    reloader, parts, _ = make()
    parts.ledger.open_all([Position("t", 0, offset) for offset in range(3)])
    (tmp_path / "stream.toml").write_text(TEXT.replace('name = "one"', 'name = "renamed"'))
    with capture_logs() as logs:
        reloader.reload()
    assert parts.reload.result.endswith("3 events of one become sync_disabled")
    said = [each for each in logs if each.get("reason") == "sync_disabled"]
    assert [(each["sync"], each["events"]) for each in said] == [("one", 3)]


def test_a_stream_that_stops_reads_nothing(make: Make, tmp_path: Path) -> None:
    reloader, parts, compiled = make()
    parts.stopping.request()
    (tmp_path / "stream.toml").write_text("")
    reloader.reload()
    assert compiled.used == []
    assert parts.stopping.restart is False


def test_the_result_outlives_the_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_RELOADED", "")
    result = Reload(datetime.now(UTC), "restarted with it: [window] is different", ok=True)
    hand_over(result)
    assert handed_over() == result
    assert handed_over() is None
