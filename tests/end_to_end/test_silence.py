"""What the stream writes about itself: next to nothing in a normal run, and never anything out of an event or a key.

Every value of the events is marked, good and bad ones alike, and so is the key; AppsFlyer's answers repeat both. None
of the marks may be in the log, on the output or in the summary, whatever the level. Dead letters hold the event.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.settings import kafka_source, settings_text, sync_table
from tests.fixtures.stream import Identity, Run, Stream

pytestmark = pytest.mark.kafka

MARK = "M4RK"
KEY = f"{MARK}-the-key"
HOSTILE = f'{MARK}\n{{"event":"{MARK} forged","level":"error"}}\r\x1b]0;{MARK}\x07\x1b[2J\x9b31m</b>%n%s${{x}}\u202e'
IOS, ANDROID, LOCKED = "id123456789", "com.example.app", "id555"

LAST = 54

LOCKED_SYNC = sync_table("locked", ios_app_id=LOCKED)
EVERY_APP = sync_table(ios_app_id=IOS, android_app_id=ANDROID)

MakeTopic = Callable[..., str]


def _event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_type": f"{MARK} Order {number}",
        "user_id": f"{MARK}-user-{number}",
        "device_id": f"{MARK}-device-{number}",
        "insert_id": f"{MARK}-insert-{number}",
        "time": time.time_ns() // 1_000_000,
        "platform": "iOS",
        "os_version": f"17-{MARK}",
        "ip": f"10.0.0.1 {MARK}",
        "event_properties": {HOSTILE: HOSTILE, "email": f"{MARK}@example.com", "$currency": f"{MARK}", "n": number},
        "user_properties": {
            "appsflyer_id": f"1700000000000-{1_000_000 + number}",
            "idfa": f"{MARK}-0000-0000",
            "name": HOSTILE,
        },
        "groups": {HOSTILE: HOSTILE},
        **fields,
    }


def _values() -> Iterator[bytes]:
    """Yield events of every fate; each holds marks."""
    for number in range(20):
        yield orjson.dumps(_event(number))
    for number in range(20, 30):  # to an app that refuses each
        yield orjson.dumps(_event(number, platform="Android"))
    for number in range(30, 35):  # too large even without any property
        yield orjson.dumps(_event(number, user_id=MARK * 250))
    for number in range(35, 40):  # nobody knows their AppsFlyer id
        yield orjson.dumps(_event(number, user_properties={"name": HOSTILE}))
    yield f'{{"user_id": "{MARK}", "broken'.encode()
    yield f"{MARK} \x1b[2J".encode() + b"\xff\xfe"
    yield orjson.dumps([HOSTILE])
    yield orjson.dumps(_event(50, time=HOSTILE))
    yield orjson.dumps(_event(51, event_properties=HOSTILE))
    yield orjson.dumps({"events": [_event(52, event_type=None), {MARK: HOSTILE}]})
    yield orjson.dumps({**_event(53), "time": 10**17})
    yield orjson.dumps(_event(LAST))


def _produce(bootstrap: str, topic: str, values: Iterator[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, value, HOSTILE.encode())
    assert producer.flush(30) == 0


def _accepted(sandbox: SandboxServer) -> set[str]:
    """Return the users whose events AppsFlyer's stand-in took for the iOS app."""
    taken = (each["body"] for each in sandbox.requests if each["app_id"] == IOS and each["status"] == 200)
    return {body["customer_user_id"] for body in taken}


def _written(run: Run) -> str:
    """Return all that a process has written about itself."""
    return run.log + run.output + orjson.dumps(run.summary).decode()


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("on_rejected", ["pause", "park"])
def test_nothing_of_an_event_and_no_key_is_ever_written(
    stream: Stream, kafka: str, make_topic: MakeTopic, adds_up: Identity, style: str, on_rejected: str, tmp_path: Path
) -> None:
    """Events of every fate, answers that repeat them, at the level of debug: no mark is anywhere but in the letters."""
    topic = make_topic()
    answer = f"no: {KEY} {HOSTILE} {MARK}-user-1"
    faults = {
        "rule": [
            {"app_id": ANDROID, "status": 400, "text": f"Bad request {answer}"},
            {"app_id": LOCKED, "status": 401, "text": answer},
            {"app_id": IOS, "attempt": 1, "rate": 0.3, "status": 503, "text": answer, "retry_after": MARK},
            {"app_id": IOS, "attempt": 1, "rate": 0.3, "kind": "truncate"},
        ]
    }
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls", faults=faults) as sandbox:
        delivery = {
            "endpoint": sandbox.url,
            "ca_file": str(sandbox.ca_file),
            "brake_share": 1.0,
            "on_rejected_credentials": on_rejected,
            "drain_seconds": 5,
            "timeout_seconds": 2,
        }
        identity = {"hold_seconds": 0 if on_rejected == "park" else 300}
        source = kafka_source(kafka, topic)
        stream.configure(settings_text(source, EVERY_APP, LOCKED_SYNC, delivery=delivery, identity=identity))
        variables = {"APPSFLYER_S2S_KEY": KEY, "STREAM_LOG": style, "STREAM_LOG_LEVEL": "debug"}
        run = stream.start(
            "-m", "flows", "run", environment={**variables, "STREAM_PROGRESS_SECONDS": "0.05", "NO_COLOR": "1"}
        )
        _produce(kafka, topic, _values())
        # The twenty good ones, and the last of all, behind which nothing is left to read.
        good = {f"{MARK}-user-{number}" for number in (*range(20), LAST)}
        sandbox.wait_until(lambda _: good <= _accepted(sandbox), 60)
        sandbox.wait_until(lambda _: sum(each["app_id"] == ANDROID for each in sandbox.requests) >= 10, 60)
        sandbox.wait_until(lambda _: any(each["app_id"] == LOCKED for each in sandbox.requests), 60)
        run.wait_for_log("progress")
        assert run.stop() == 0, run.log
    adds_up(run.summary)
    fates = run.summary["syncs"]["production"]["dead_lettered"]
    assert fates["rejected"] == 10
    assert fates["too_large"] == 5
    assert sum(run.summary["refused"].values()) >= 6
    if on_rejected == "park":
        assert run.summary["syncs"]["locked"]["dead_lettered"]["credentials_rejected"] >= 20
    written = _written(run)
    assert MARK not in written, [line for line in written.splitlines() if MARK in line][:5]
    assert not {"\x1b", "\x07", "\x9b"} & set(run.log)
    letters = b"".join(path.read_bytes() for path in (tmp_path / "letters").iterdir())
    assert MARK.encode() in letters
    assert KEY.encode() not in letters


def test_a_normal_run_is_silent_after_its_start(stream: Stream, kafka: str, make_topic: MakeTopic) -> None:
    """Good events, and those that nobody wants: no line at all but that of the progress."""
    topic = make_topic(partitions=2)
    with SandboxServer.in_thread() as sandbox:
        delivery = {"endpoint": sandbox.url}
        stream.configure(settings_text(kafka_source(kafka, topic), EVERY_APP, LOCKED_SYNC, delivery=delivery))
        run = stream.start("-m", "flows", "run", environment={"STREAM_PROGRESS_SECONDS": "0.2"})
        _produce(kafka, topic, (orjson.dumps(_event(number)) for number in range(200)))
        sandbox.wait_until(lambda counts: bool(counts["accepted"] >= 400), 60)
        _produce(kafka, topic, (orjson.dumps(_event(number, event_type="$identify")) for number in range(50)))
        for said in ('"read": 250', '"delivered": 400', '"lag_events"'):
            run.wait_for_log(said)
        assert run.stop() == 0, run.log
    entries = [orjson.loads(line) for line in run.log.splitlines()]
    assert {each["event"] for each in entries} == {"reading a partition", "progress"}
    progress = [each for each in entries if each["event"] == "progress"]
    assert progress[-1]["delivered"] == 400
    assert {"read", "delivered", "pending", "read_per_minute", "delivered_per_minute"} <= progress[-1].keys()
