"""A sync that is disabled, renamed or taken out while events wait for it: in every place where something waits."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.files.dead_letters import read_letters
from tests.fixtures.stream import KEY, Identity, Stream

pytestmark = pytest.mark.kafka

SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{topic}-group"

[delivery]
endpoint = "{url}"
max_pending = 100
drain_seconds = 1
timeout_seconds = 1

[dead_letters]
kind = "files"
directory = "letters"

[state]
directory = "state"
epoch_seconds = 1

[health]
port = 0

[[sync]]
name = "kept"
ios_app_id = "id111111111"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""
OTHER = """
[[sync]]
name = "{name}"
enabled = {enabled}
ios_app_id = "id222222222"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""
KNOWN, UNKNOWN = 300, 20
MakeTopic = Callable[..., str]


class Scene:
    """A topic, a stream that reads it, and an AppsFlyer that the second sync's app cannot be reached at."""

    def __init__(self, stream: Stream, bootstrap: str, topic: str, sandbox: SandboxServer) -> None:
        self.stream, self.sandbox = stream, sandbox
        self._bootstrap, self._topic = bootstrap, topic

    def configure(self, other: str) -> None:
        text = SETTINGS.format(bootstrap=self._bootstrap, topic=self._topic, url=self.sandbox.url)
        self.stream.configure(text + other)

    def produce(self) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap})
        for number in range(KNOWN + UNKNOWN):
            user = f"user-{number}"
            value: dict[str, Any] = {
                "event_type": "Order",
                "user_id": user,
                "time": time.time_ns() // 1_000_000,
                "platform": "iOS",
                "event_properties": {"number": number},
            }
            if number < KNOWN:
                value["user_properties"] = {"appsflyer_id": f"1700000000000-{1_000_000 + number}"}
            producer.produce(self._topic, orjson.dumps(value), user)
        assert producer.flush(30) == 0

    def delivered(self, app_id: str) -> Counter[int]:
        return Counter(
            orjson.loads(each["body"]["eventValue"])["number"]
            for each in self.sandbox.requests
            if each["status"] == 200 and each["app_id"] == app_id
        )

    def letters(self) -> Counter[tuple[str, str]]:
        stored = read_letters(self.stream.directory / "letters")
        return Counter((each.headers["sync"], each.headers["reason"]) for each in stored)


@pytest.fixture
def scene(stream: Stream, kafka: str, make_topic: MakeTopic) -> Iterator[Scene]:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        sandbox.set_faults({"rule": [{"app_id": "id222222222", "status": 503}]})
        yield Scene(stream, kafka, make_topic(partitions=2), sandbox)


@pytest.mark.parametrize(
    "change",
    [pytest.param("disabled", marks=pytest.mark.slow), "renamed", pytest.param("removed", marks=pytest.mark.slow)],
)
def test_what_waits_for_it_becomes_dead_letters_that_a_replay_sends(
    scene: Scene, adds_up: Identity, change: str
) -> None:
    """Held, with the sink and set aside on disk: each is accounted for, under the sync's own name, and none is lost."""
    scene.configure(OTHER.format(name="other", enabled="true"))
    scene.produce()
    first = scene.stream.start("-m", "flows", "run")
    scene.sandbox.wait_until(lambda _: len(scene.delivered("id111111111")) == KNOWN, 60)
    assert first.stop() == 0, first.log
    adds_up(first.summary)
    assert first.summary["syncs"]["other"]["pending"] == KNOWN + UNKNOWN
    assert first.summary["syncs"]["kept"]["pending"] == UNKNOWN

    scene.configure(
        {
            "disabled": OTHER.format(name="other", enabled="false"),
            "renamed": OTHER.format(name="new name", enabled="true"),
            "removed": "",
        }[change]
    )
    check = scene.stream.start("-m", "flows", "check", "--settings", str(scene.stream.directory / "stream.toml"))
    check.wait()
    assert f"{KNOWN + UNKNOWN} events wait for sync[other]" in check.output, check.output + check.log
    second = scene.stream.start("-m", "flows", "run")
    end = time.monotonic() + 30
    while scene.letters()["other", "sync_disabled"] < KNOWN + UNKNOWN and time.monotonic() < end:
        time.sleep(0.1)
    assert second.stop() == 0, second.log
    adds_up(second.summary)
    assert scene.letters() == {("other", "sync_disabled"): KNOWN + UNKNOWN}
    assert second.summary["syncs"]["other"]["dead_lettered"] == {"sync_disabled": KNOWN + UNKNOWN}
    assert second.summary["syncs"]["other"]["pending"] == 0
    assert second.summary["syncs"]["kept"]["pending"] == UNKNOWN
    assert "sync_disabled" in second.log

    scene.sandbox.set_faults({})
    today = "new name" if change == "renamed" else "other"
    scene.configure(OTHER.format(name=today, enabled="true"))
    sync = ["--sync", "other=new name"] if change == "renamed" else []
    replay = scene.stream.start("-m", "flows", "replay", "--reason", "sync_disabled", *sync)
    assert replay.wait() == 0, replay.log
    adds_up(replay.summary)
    fates = replay.summary["syncs"][today]
    assert (fates["delivered"], fates["dead_lettered"]) == (KNOWN, {"no_appsflyer_id": UNKNOWN})
    assert scene.delivered("id222222222") == dict.fromkeys(range(KNOWN), 1)
    assert scene.delivered("id111111111") == dict.fromkeys(range(KNOWN), 1)
    scene.configure(OTHER.format(name="third name", enabled="true"))
    again = scene.stream.start("-m", "flows", "replay", "--reason", "sync_disabled", "--sync", "other=third name")
    assert again.wait() == 0, again.log
    assert again.summary["letters"]["left_out"]["already_replayed"] == KNOWN + UNKNOWN
    assert scene.delivered("id222222222") == dict.fromkeys(range(KNOWN), 1)
    third = scene.stream.start("-m", "flows", "run")
    third.wait_for_log("reading a partition")
    assert third.stop() == 0, third.log
    assert "other" not in third.summary["syncs"] or third.summary["syncs"]["other"]["pending"] == 0


def test_a_reload_says_beforehand_how_many_events_it_concerns(scene: Scene) -> None:
    """And restarts the process, which then accounts for them."""
    scene.configure(OTHER.format(name="other", enabled="true"))
    scene.produce()
    run = scene.stream.start("-m", "flows", "run")
    scene.sandbox.wait_until(lambda _: len(scene.delivered("id111111111")) == KNOWN, 60)
    scene.configure(OTHER.format(name="other", enabled="false"))
    run.process.send_signal(signal.SIGHUP)
    run.wait_for_log("events wait for a sync that the new settings leave out")
    assert f'"events":{KNOWN + UNKNOWN}' in run.log.replace(" ", "")
    scene.sandbox.wait_until(lambda _: scene.letters()["other", "sync_disabled"] == KNOWN + UNKNOWN, 60)
    assert run.stop() == 0, run.log
    assert scene.letters() == {("other", "sync_disabled"): KNOWN + UNKNOWN}


def test_a_paused_sync_keeps_everything_and_sends_it_when_it_may(scene: Scene, adds_up: Identity) -> None:
    """Across a stop, without holding up the other sync or the stop; and it goes on by a reload alone."""
    scene.sandbox.set_faults({})
    paused = OTHER.format(name="other", enabled="true\npaused = true")
    scene.configure(paused)
    scene.produce()
    run = scene.stream.start("-m", "flows", "run")
    scene.sandbox.wait_until(lambda _: len(scene.delivered("id111111111")) == KNOWN, 60)
    assert "paused by the settings" in run.log
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["other"]["pending"] == KNOWN + UNKNOWN
    assert scene.delivered("id222222222") == {}
    run = scene.stream.start("-m", "flows", "run")
    run.wait_for_log("reading a partition")
    scene.configure(OTHER.format(name="other", enabled="true"))
    run.process.send_signal(signal.SIGHUP)
    scene.sandbox.wait_until(lambda _: len(scene.delivered("id222222222")) == KNOWN, 60)
    assert "other sends again" in run.log
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert scene.delivered("id222222222") == dict.fromkeys(range(KNOWN), 1)
    assert scene.delivered("id111111111") == dict.fromkeys(range(KNOWN), 1)
