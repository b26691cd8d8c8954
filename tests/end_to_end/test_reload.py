"""SIGHUP: the settings read again by a running stream, between a real Kafka and a stand-in AppsFlyer."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.events import appsflyer_id, order
from tests.fixtures.ports import free_port
from tests.fixtures.scene import Scene
from tests.fixtures.settings import Table, sync_table
from tests.fixtures.stream import Identity, Run, Stream

pytestmark = pytest.mark.kafka


class Reloaded(Scene):
    """A scene that says what /status says, and whose stream is reloaded."""

    produced = 0
    health_port = 0

    def configure(self, *syncs: Table, **tables: Any) -> None:
        """Write the settings, with the port of /status."""
        super().configure(*syncs, health={"port": self.health_port}, **tables)

    def reload_result(self) -> dict[str, Any]:
        """Return what /status says of the last reload."""
        with urlopen(f"http://127.0.0.1:{self.health_port}/status", timeout=10) as answer:
            status: dict[str, Any] = orjson.loads(answer.read())
        result: dict[str, Any] = status["settings"]["reload"]
        return result

    def produce_more(self, event: str, count: int) -> None:
        """Write events of that name; their numbers go on, and they are of fifty users."""
        numbers = range(self.produced + 1, self.produced + count + 1)
        self.produced += count
        self.produce(
            order(each, event_type=event, user_id=f"user-{each % 50}", user_properties=known(each % 50))
            for each in numbers
        )

    def await_names(self, **wanted: int) -> None:
        """Wait until so many requests of each name were accepted."""
        self.wait_until(lambda: all(self.names()[name] >= count for name, count in wanted.items()))

    def reload(self, run: Run, said: str) -> None:
        """Send SIGHUP and wait for the log to say something once more."""
        before = run.log.count(said)
        run.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: run.log.count(said) > before)


def known(number: int) -> dict[str, str]:
    return {"appsflyer_id": appsflyer_id(number)}


def sends(event: str, send_as: str, name: str = "production", **more: Any) -> Table:
    """Return a sync that sends one event under another name."""
    return sync_table(name, event=[{"name": event, "send_as": send_as}], **more)


@pytest.fixture
def scene(stream: Stream, kafka: str, make_topic: Callable[..., str]) -> Iterator[Reloaded]:
    with SandboxServer.in_thread() as sandbox:
        yield Reloaded(stream, kafka, make_topic(partitions=2), sandbox)


@contextmanager
def _pid_kept(run: Run) -> Iterator[None]:
    yield
    assert run.process.poll() is None, run.log


ORDERS = sends("Order", "af_purchase")
SIGN_UPS = sends("Sign Up", "af_complete_registration")
SECOND = sends("Order", "second_order", "second")


@pytest.mark.parametrize("more", [(), ("-w", "2")])
def test_a_changed_filter_is_followed_by_what_comes_after_it(
    scene: Reloaded, adds_up: Identity, more: tuple[str, ...]
) -> None:
    """The new filter holds without a restart; what was taken by the old one is delivered; nothing is lost or twice."""
    scene.configure(ORDERS)
    run = scene.stream.start_recovering(*more)
    scene.produce_more("Order", 200)
    scene.produce_more("Sign Up", 100)
    scene.await_names(af_purchase=200)
    scene.configure(SIGN_UPS)
    scene.reload(run, "settings read again")
    scene.produce_more("Order", 150)
    scene.produce_more("Sign Up", 70)
    scene.await_names(af_complete_registration=70)
    assert run.stop() == 0, run.log
    assert "restarting" not in run.log
    adds_up(run.summary)
    assert scene.names() == {"af_purchase": 200, "af_complete_registration": 70}
    assert run.summary["read"] == 520
    assert run.summary["syncs"]["production"]["filtered"] == {"not_selected": 250}


def test_a_filter_that_changes_under_load_loses_nothing(scene: Reloaded, adds_up: Identity) -> None:
    """Under load each event goes out once, by the filter before or the filter after, and never by both or none."""
    scene.configure(ORDERS)
    run = scene.stream.start_recovering()
    scene.produce_more("Order", 300)
    scene.await_names(af_purchase=1)
    for send_as in ("renamed_1", "renamed_2", "renamed_3"):
        scene.configure(sends("Order", send_as))
        scene.produce_more("Order", 600)
        run.process.send_signal(signal.SIGHUP)
        scene.produce_more("Order", 600)
    scene.wait_until(lambda: sum(scene.names().values()) >= scene.produced)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    numbers = [orjson.loads(each["body"]["eventValue"])["number"] for each in scene.sandbox.requests]
    assert sorted(numbers) == list(range(1, scene.produced + 1))


def test_a_file_with_mistakes_changes_nothing(scene: Reloaded) -> None:
    """All mistakes are in the log, and the stream goes on as it was."""
    scene.configure(ORDERS)
    run = scene.stream.start_recovering()
    scene.produce_more("Order", 20)
    scene.await_names(af_purchase=20)
    misspelt = sync_table(event=[{"name": "Sign Up", "sent_as": "af_complete_registration"}])
    scene.configure(misspelt, delivery={"timeout_seconds": "long"})
    scene.reload(run, "settings not taken")
    for key in ("sent_as", "delivery.timeout_seconds"):
        assert key in run.log
    scene.configure({**ORDERS, "s2s_key": "env:NO_SUCH_VARIABLE"})
    scene.reload(run, "NO_SUCH_VARIABLE is not set")
    scene.configure({**ORDERS, "enabled": False})
    scene.reload(run, "no sync is enabled")
    scene.produce_more("Sign Up", 10)
    scene.produce_more("Order", 30)  # behind them in every partition, so that they were read before these arrive
    scene.await_names(af_purchase=50)
    assert run.stop() == 0, run.log
    assert scene.names() == {"af_purchase": 50}
    assert run.summary["read"] == 60


@pytest.mark.parametrize("command", [("-m", "flows", "run"), ()])
def test_a_new_sync_takes_a_restart_of_the_process_by_itself(scene: Reloaded, command: tuple[str, ...]) -> None:
    """The process keeps its PID, and from then on both syncs deliver; nothing is lost or sent twice."""
    scene.configure(ORDERS)
    run = scene.stream.start(*command) if command else scene.stream.start_recovering()
    scene.produce_more("Order", 200)
    scene.await_names(af_purchase=50)
    with _pid_kept(run):
        scene.configure(ORDERS, SECOND)
        scene.reload(run, "restarting by itself")
        scene.wait_until(lambda: run.log.count("reading a partition") >= 4)
        scene.produce_more("Order", 100)
        scene.await_names(second_order=100, af_purchase=300)
    assert run.stop() == 0, run.log
    numbers = [
        orjson.loads(each["body"]["eventValue"])["number"]
        for each in scene.sandbox.requests
        if each["body"]["eventName"] == "af_purchase"
    ]
    assert sorted(numbers) == list(range(1, 301))
    assert scene.sandbox.summary()["duplicate_bodies"] == 0


def test_what_is_outside_the_syncs_takes_a_restart_too(scene: Reloaded) -> None:
    """A changed [delivery] is in force after a restart; after it a filter changes in place again."""
    scene.health_port = free_port()
    scene.configure(ORDERS)
    run = scene.stream.start_recovering()
    scene.produce_more("Order", 20)
    scene.await_names(af_purchase=20)
    assert scene.reload_result() is None
    with _pid_kept(run):
        scene.configure(delivery={"max_in_flight": 0})
        scene.reload(run, "settings not taken")
        assert scene.reload_result()["ok"] is False
        scene.configure(ORDERS, delivery={"max_in_flight": 10})
        scene.reload(run, "restarting by itself")
        scene.wait_until(lambda: run.log.count("reading a partition") >= 4)
        assert scene.reload_result()["result"] == "restarted with it: [delivery] is different"
        scene.configure(SIGN_UPS, delivery={"max_in_flight": 10})
        scene.reload(run, '"settings read again"')
        assert scene.reload_result()["ok"] is True
        scene.produce_more("Sign Up", 20)
        scene.await_names(af_complete_registration=20)
    assert run.stop() == 0, run.log
    assert scene.names() == {"af_purchase": 20, "af_complete_registration": 20}


def test_a_topic_that_is_not_there_is_not_taken(scene: Reloaded, tmp_path: Path) -> None:
    """What a start would refuse, such as a missing topic, does not end the stream that runs."""
    scene.configure(ORDERS)
    run = scene.stream.start_recovering()
    scene.produce_more("Order", 5)
    scene.await_names(af_purchase=5)
    file = tmp_path / "stream.toml"
    file.write_text(file.read_text().replace('\ntopic = "', '\ntopic = "missing-'))
    scene.reload(run, "there is no topic missing-")
    scene.configure(ORDERS)
    file.write_text(file.read_text().replace("epoch_seconds = 1", "epoch_seconds = 2"))
    scene.reload(run, "[state] is different")
    scene.configure(ORDERS)
    scene.produce_more("Order", 5)
    scene.await_names(af_purchase=10)
    assert run.stop() == 0, run.log


def test_a_stop_during_a_restart_of_its_own_is_a_clean_stop(scene: Reloaded) -> None:
    """SIGTERM while it drains for a restart: it ends with 0, and does not begin again."""
    scene.configure(ORDERS)
    scene.sandbox.set_faults({"rule": [{"delay_ms": 3000.0}]})
    run = scene.stream.start_recovering()
    scene.produce_more("Order", 20)
    run.wait_for_log("reading a partition")
    scene.configure(ORDERS, SECOND)
    scene.reload(run, "restarting by itself")
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 0, run.log
