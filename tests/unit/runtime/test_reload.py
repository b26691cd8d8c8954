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

from connectors.shutdown import Shutdown
from flows.domain.event import Position
from flows.domain.ledger import Ledger
from flows.domain.slice import ALL, Slice
from flows.observe.in_force import InForce, Reload
from flows.observe.page_server import listen, why_not_listen
from flows.runtime.reload import How, Reloader, hand_over, handed_over, weigh
from flows.runtime.restart import obstacles_here, topics_missing
from flows.runtime.settings_file import SettingsFile
from flows.settings.file import parse
from flows.settings.model import Settings

TEXT = """\
[source]
kind = "files"
paths = ["*"]

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
        ("[source]", '[erasure]\napi_token = "env:T"\n[source]', How.IN_PLACE, "[erasure]"),
        ("enabled = false", "enabled = true", How.RESTART, "which syncs"),
        ('name = "one"', 'name = "uno"', How.RESTART, "which syncs"),
        ('"id1"', '"id9"', How.RESTART, "app id"),
        ('"id1"', '"id1"\nandroid_app_id = "com.example"', How.RESTART, "app id"),
        ("env:RELOAD_KEY", "env:OTHER_KEY", How.RESTART, "place of a key"),
        ("s2s_key", "dev_key", How.RESTART, "place of a key"),
        ("[source]", "[window]\nmax_events = 7\n[source]", How.RESTART, "[window] is"),
        ("[source]", "[window]\nmax_events = 7\n[identity]\nhold_seconds = 1\n[source]", How.RESTART, "are different"),
        ("[source]", '[pull]\napi_key = "env:A"\nsecret_key = "env:B"\n[source]', How.IN_PLACE, "does not use"),
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


Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problems:
    """Return a function from a change of the settings to why a restart with them would be refused, without the file."""
    monkeypatch.setenv("RELOAD_KEY", "x")
    path = tmp_path / "stream.toml"
    path.write_text(TEXT)

    def problems(before: str = "", after: str = "", *, own_port: int = 0, has_recovery: bool = True) -> list[str]:
        new = parse(TEXT.replace(before, after, 1), path)
        found = obstacles_here(new, Slice(0, 1), own_port, has_recovery=has_recovery)
        found = found or topics_missing(parse(TEXT, path), new, Slice(0, 1))
        assert all(each.startswith(f"{path}: ") for each in found)
        return [each.removeprefix(f"{path}: ").replace(str(tmp_path), "DIR") for each in found]

    return problems


KAFKA = 'kind = "kafka"\nbootstrap_servers = "127.0.0.1:9"\ntopic = "t"\ngroup_id = "g"\n'


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("", "", []),
        (
            "enabled = true",
            "enabled = false",
            ["sync: no sync is enabled; set enabled = true where the stream is to begin"],
        ),
        (
            "env:RELOAD_KEY",
            "env:NO_SUCH_KEY",
            ["sync[one].s2s_key: environment variable NO_SUCH_KEY is not set or empty; set it to the key"],
        ),
        (
            "env:RELOAD_KEY",
            "file:key",
            ["sync[one].s2s_key: file DIR/key cannot be read (No such file or directory); write the key into it"],
        ),
        (
            "[source]",
            '[delivery]\nca_file = "no-such-file"\n[source]',
            ["delivery.ca_file: DIR/no-such-file cannot be read; correct it, or leave it out"],
        ),
        (
            "[source]",
            '[delivery]\nca_file = "."\n[source]',
            ["delivery.ca_file: DIR cannot be read; correct it, or leave it out"],
        ),
        (
            '"letters"',
            '"stream.toml/letters"',
            ["dead_letters.directory: DIR/stream.toml cannot be written; give this user the right, or change it"],
        ),
        (
            '"letters"',
            '"stream.toml"',
            ["dead_letters.directory: DIR/stream.toml cannot be written; give this user the right, or change it"],
        ),
        ('"*"', '"none.json"', ["source.paths: no file matches DIR/none.json, so nothing was read; correct it"]),
        (
            'kind = "files"\npaths = ["*"]\n',
            KAFKA + '[source.properties]\n"sasl.password" = "env:NO_SUCH_KEY"\n',
            [
                (
                    "source.properties: sasl.password: environment variable NO_SUCH_KEY is not set or empty; "
                    "set it to the key"
                )
            ],
        ),
    ],
)
def test_what_would_keep_a_start_from_coming_up_is_found_before(
    problems: Problems, before: str, after: str, said: list[str]
) -> None:
    assert problems(before, after) == said


def test_archives_are_not_read_again_without_a_recovery_store(problems: Problems) -> None:
    assert problems(has_recovery=False) == [
        "source: without a recovery store a restart would read every file again; start it anew by hand"
    ]


def test_kafka_is_asked_where_nothing_else_is_in_the_way(problems: Problems) -> None:
    (said,) = problems('kind = "files"\npaths = ["*"]\n', KAFKA)
    assert said.startswith("source: Kafka cannot be used: ")


def test_a_port_that_another_process_has_is_found_before(problems: Problems, taken_port: int) -> None:
    """Its own port is no obstacle, whatever the host: the process gives it back."""
    said = [
        (
            f"health.port: cannot listen on 127.0.0.1, port {taken_port} (Address already in use); expected one "
            "that is free; write another, or 0 for no health"
        )
    ]
    health = f"[health]\nport = {taken_port}\n"
    assert problems("[source]", f"{health}[source]") == said
    assert problems("[source]", f"[health]\nport = {taken_port}\n[source]", own_port=taken_port) == []
    assert problems("[source]", f'[health]\nport = {taken_port}\nhost = "0.0.0.0"\n[source]', own_port=taken_port) == []
    assert problems(
        "[source]", f'[health]\nport = {taken_port}\nhost = "192.0.2.1"\n[source]', own_port=taken_port
    ) == [
        (
            f"health.port: cannot listen on 192.0.2.1, port {taken_port} (Cannot assign requested address); "
            "expected one that is free; write another, or 0 for no health"
        )
    ]


def test_looking_at_a_port_takes_it_from_nobody() -> None:
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    assert why_not_listen("127.0.0.1", port) == "Address already in use"
    listening.close()
    assert why_not_listen("127.0.0.1", port) is None
    listen("127.0.0.1", port).close()


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
            in_force=InForce(parse(TEXT, path)),
            shutdown=Shutdown(),
            part=ALL,
            ledger=Ledger(["one"], 100),
            sender=None,
        )
        compiled: Any = Compiled()
        return Reloader(parts, compiled, path, has_recovery=True), parts, compiled

    return make


def test_a_mistake_changes_nothing_and_is_told(make: Make, tmp_path: Path) -> None:
    """The log has each mistake; the result, which /status shows, has their keys and none of the values."""
    reloader, parts, compiled = make()
    before = parts.in_force.settings
    (tmp_path / "stream.toml").write_text(TEXT.replace("id1", "s3cret app").replace('"Order"', "7"))
    with capture_logs() as logs:
        reloader.reload()
    assert (parts.in_force.settings, compiled.used, parts.shutdown.requested) == (before, [], False)
    assert parts.in_force.reload.ok is False
    assert "sync[one].ios_app_id" in parts.in_force.reload.result
    assert "s3cret" not in parts.in_force.reload.result
    assert len(logs[0]["problems"]) == 3


def test_a_filter_is_taken_in_place(make: Make, tmp_path: Path) -> None:
    reloader, parts, compiled = make()
    (tmp_path / "stream.toml").write_text(TEXT.replace("Order", "Sign Up", 1))
    reloader.reload()
    assert compiled.used == [parts.in_force.settings]
    assert parts.in_force.reload.ok is True
    assert parts.shutdown.requested is False


def test_a_new_sync_asks_for_a_restart(make: Make, tmp_path: Path) -> None:
    reloader, parts, compiled = make()
    (tmp_path / "stream.toml").write_text(TEXT.replace("enabled = false", "enabled = true"))
    reloader.reload()
    assert (parts.shutdown.requested, parts.shutdown.restart) == (True, True)
    assert compiled.used == []
    assert "restarted" in parts.in_force.reload.result


def test_what_waits_for_a_sync_that_is_left_out_is_said_beforehand(make: Make, tmp_path: Path) -> None:
    reloader, parts, _ = make()
    parts.ledger.open_all([Position("t", 0, offset) for offset in range(3)])
    (tmp_path / "stream.toml").write_text(TEXT.replace('name = "one"', 'name = "renamed"'))
    with capture_logs() as logs:
        reloader.reload()
    assert parts.in_force.reload.result.endswith("3 events of one become sync_disabled")
    said = [each for each in logs if each.get("reason") == "sync_disabled"]
    assert [(each["sync"], each["events"]) for each in said] == [("one", 3)]


def test_a_stream_that_stops_reads_nothing(make: Make, tmp_path: Path) -> None:
    reloader, parts, compiled = make()
    parts.shutdown.request()
    (tmp_path / "stream.toml").write_text("")
    reloader.reload()
    assert compiled.used == []
    assert parts.shutdown.restart is False


def test_the_result_outlives_the_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_RELOADED", "")
    result = Reload(datetime.now(UTC), "restarted with it: [window] is different", ok=True)
    hand_over(result)
    assert handed_over() == result
    assert handed_over() is None


def test_status_says_the_same_as_a_reload(make: Make, tmp_path: Path, taken_port: int) -> None:
    reloader, parts, _ = make()
    path = tmp_path / "stream.toml"
    path.write_text(f"[health]\nport = {taken_port}\n{TEXT}".replace('"letters"', '"stream.toml"'))
    file = SettingsFile(path, lambda: parts.in_force.settings, reloader.left_behind, reloader.obstacles).look()
    with capture_logs() as logs:
        reloader.reload()
    assert (file["state"], file["takes"], len(file["obstacles"])) == ("changed", "restart", 2)
    assert logs[0]["problems"] == file["obstacles"]
    assert parts.shutdown.requested is False
