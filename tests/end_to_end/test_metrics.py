"""The numbers at /metrics against what an endpoint really saw: every answer, attempt, outcome and identifier.

The judge is the stand-in AppsFlyer's own record of what arrived, and the summary that the process writes at its end.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox.app import SandboxServer
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.identifiers import PLATFORM_IDENTIFIERS
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.collector_vocabulary import COLLECTOR
from tests.fixtures.ports import free_port
from tests.fixtures.scrape import Scrape, scrape
from tests.fixtures.stream import Identity, Run, Stream

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 3
PATIENCE_SECONDS: Final = 90.0
MAIN_IOS, MAIN_ANDROID, SECOND_IOS = "id123456789", "com.example.app", "id555555555"
HOPELESS: Final = 6
"""How many requests are answered with 503 for good: three events, one of them under two names; both syncs want two."""
PLATFORMS: Final = {MAIN_IOS: "ios", MAIN_ANDROID: "android", SECOND_IOS: "ios"}

SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{topic}-group"

[identity]
hold_seconds = {hold_seconds}

[window]
max_events = 20

[delivery]
endpoint = "{url}"
ca_file = "{ca_file}"
brake_share = 1.0
on_rejected_credentials = "{on_rejected}"
timeout_seconds = 10
retry_minutes = {retry_minutes}

[dead_letters]
kind = "files"
directory = "letters"

[state]
directory = "state"
epoch_seconds = 1

[health]
port = {port}

[[sync]]
name = "main"
enabled = true
ios_app_id = "id123456789"
android_app_id = "com.example.app"
s2s_key = "env:APPSFLYER_S2S_KEY"

[[sync.event]]
name = "Order"
send_as = "af_purchase"

[[sync.event]]
name = "Order"
send_as = "order_again"
where = [{{ property = "event.twice", is = ["yes"] }}]

[[sync]]
name = "second"
enabled = true
ios_app_id = "id555555555"
s2s_key = "env:APPSFLYER_S2S_KEY"
consent_where = [{{ property = "user.consent", is = ["yes"] }}]
events = "all"
"""

FAULTS: Final = {
    "seed": 3,
    "rule": [
        {"customer_user_id": "user-refused", "status": 400, "text": "Bad request"},
        {"customer_user_id": "user-hopeless", "status": 503},
        {"customer_user_id": "user-silent", "attempt": 1, "kind": "black_hole"},
        {"app_id": SECOND_IOS, "limit": 2, "status": 401},
        {"app_id": MAIN_ANDROID, "limit": 1, "status": 403},
        {"rate": 0.2, "attempt": 1, "status": 503},
        {"rate": 0.1, "attempt": 1, "status": 429, "retry_after": 1},
        {"rate": 0.1, "attempt": 1, "status": 500},
    ],
}
"""Something of everything that AppsFlyer and the network do; all but the first two pass. A reset is not among them, for
libcurl sends a request once more by itself where a kept connection turns out to be closed before any answer."""

HISTOGRAMS: Final = {each.name for each in v.EVERY if each.kind == "histogram"}
MakeTopic = Callable[..., str]


def _event(number: int, user: str, platform: str, **more: Any) -> dict[str, Any]:
    consent = "yes" if number % 3 else "no"
    ids: dict[str, Any] = {"appsflyer_id": f"1700000000000-{1_000_000 + number}", "consent": consent}
    if platform == "iOS":
        ids |= {"idfa": f"AAAAAAAA-0000-4000-8000-{number:012d}"} if number % 2 else {}
        ids |= {"idfv": f"BBBBBBBB-0000-4000-8000-{number:012d}"}
    elif number % 4:
        ids |= {"adid": f"cccccccc-0000-4000-8000-{number:012d}"}
    return {
        "event_type": "Order",
        "user_id": user,
        "device_id": f"device-{user}",
        "insert_id": f"insert-{number}",
        "time": time.time_ns() // 1_000_000,
        "platform": platform,
        "user_properties": ids,
        "event_properties": {"n": number, "twice": "yes" if number % 5 == 0 else "no"},
    } | more


def _events() -> Iterator[bytes]:
    for number in range(1, 401):
        yield orjson.dumps(_event(number, f"user-{number % 97}", "iOS" if number % 2 else "Android"))
    for place, user in enumerate(("user-refused", "user-hopeless", "user-silent")):
        for number in range(3):
            yield orjson.dumps(_event(1000 + 10 * place + number, user, "iOS"))
    for number in range(1, 11):
        yield orjson.dumps(_event(number, f"user-{number % 97}", "iOS" if number % 2 else "Android"))  # the same again
    for number in range(2000, 2010):
        yield orjson.dumps(_event(number, f"user-{number}", "iOS", event_type="Not Selected"))
        yield orjson.dumps(_event(number, f"user-{number}", "Web", insert_id=f"web-{number}"))
        yield orjson.dumps(_event(number, f"nobody-{number}", "iOS", user_properties={"consent": "yes"}))
    yield orjson.dumps(_event(3000, "user-3000", "iOS", event_type="$identify"))
    yield orjson.dumps(_event(3002, "user-3002", "iOS", event_type="[AppsFlyer] Install"))
    yield orjson.dumps(_event(3001, "user-3001" + "x" * 1000, "iOS"))
    yield from (b"no JSON", b"[]", b'{"user_id": "u"}', b'{"event_type": "e"}')


def _produce(bootstrap: str, topic: str) -> int:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    produced = 0
    for value in _events():
        key = orjson.loads(value).get("user_id", "") if value.startswith(b'{"event_type":"') else ""
        producer.produce(topic, value, key)
        produced += 1
    assert producer.flush(30) == 0
    return produced


def _trickle_until(bootstrap: str, topic: str, run: Run, port: int, holds: Callable[[Scrape], bool]) -> int:
    """Produce an event now and then until something holds: what fails for good is given up only while others pass."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    end = time.monotonic() + PATIENCE_SECONDS
    for number in count(5000):
        producer.produce(topic, orjson.dumps(_event(number, f"user-{number}", "iOS") | {"event_properties": {}}))
        assert producer.flush(30) == 0
        time.sleep(0.2)
        assert time.monotonic() < end, run.log
        if holds(scrape(port)):
            return number - 5000 + 1
    raise AssertionError


def _scrape_until(run: Run, port: int, holds: Callable[[Scrape], bool]) -> Scrape:
    """Scrape until something holds; return that scrape."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        assert run.process.poll() is None, run.log
        try:
            found = scrape(port)
        except OSError:
            pass  # it does not listen yet
        else:
            if holds(found):
                return found
        time.sleep(0.1)
    pytest.fail(f"what was waited for did not come:\n{run.log}")


def _await_the_end(run: Run, port: int, read: int) -> Scrape:
    """Wait until all that was produced is final; what is scraped then does not change any more."""

    def is_over(found: Scrape) -> bool:
        is_read = found.total(v.EVENTS_READ.name) == read
        return is_read and not found.total(v.PENDING.name) and not found.total(v.REFUSALS_PENDING.name)

    return _scrape_until(run, port, is_over)


def _whole(numbers: dict[tuple[str, ...], float]) -> dict[str, int]:
    return {key[0]: int(value) for key, value in numbers.items()}


def _outcomes_are_those_of_the_summary(found: Scrape, summary: dict[str, Any]) -> None:
    assert found.one(v.EVENTS_READ.name) == summary["read"]
    assert _whole(found.by(v.REFUSED.name, "reason")) == summary["refused"]
    for name, sync in summary["syncs"].items():
        outcomes = v.OUTCOMES.name
        assert found.total(outcomes, sync=name, outcome="delivered") == sync["delivered"]
        assert found.total(outcomes, sync=name, outcome="duplicate") == sync["duplicate"]
        for outcome in ("filtered", "dead_lettered"):
            assert _whole(found.by(outcomes, "reason", sync=name, outcome=outcome)) == sync[outcome]
        assert found.total(v.COPIES.name, sync=name) == sync["copies"]
        assert found.total(v.PENDING.name, sync=name) == sync["pending"] == 0
        assert found.total(v.REQUESTS_BUILT.name, sync=name) == sync["requests"]
        assert _whole(found.by(v.MISSING_IDENTIFIERS.name, "identifier", sync=name)) == sync["absent_identifiers"]
        assert _whole(found.by(v.WARNINGS.name, "caution", sync=name)) == sync["warnings"]


def _answers_are_those_of_the_record(found: Scrape, record: list[dict[str, Any]]) -> None:
    """`record` are the requests as the endpoint saw them; a status is None where it gave no answer."""
    seen: Counter[tuple[str, str, str]] = Counter()
    attempts: Counter[tuple[str, str, str]] = Counter()
    for each in record:
        sync = "second" if each["app_id"] == SECOND_IOS else "main"
        platform = PLATFORMS[each["app_id"]]
        status = "none" if each["status"] is None else str(each["status"])
        seen[sync, platform, status] += 1
        if each["status"] == 200:
            attempts[sync, platform, "first" if each["attempt"] == 1 else "retry"] += 1
    assert found.by(v.ANSWERS.name, "sync", "platform", "status") == seen
    assert found.by(v.DELIVERIES.name, "sync", "platform", "attempt") == attempts
    lanes = found.by(f"{v.REQUEST_SECONDS.name}_count", "sync", "platform")
    assert lanes == found.by(v.ANSWERS.name, "sync", "platform")
    assert found.by(f"{v.DELIVERY_AGE.name}_count", "sync") == found.by(v.OUTCOMES.name, "sync", outcome="delivered")
    for sync in ("main", "second"):
        sent = [each for each in record if (each["app_id"] == SECOND_IOS) == (sync == "second")]
        bodies = {orjson.dumps([each["app_id"], each["body"]]): each for each in sent}.values()
        for platform, identifiers in PLATFORM_IDENTIFIERS.items():
            of_platform = [each for each in bodies if PLATFORMS[each["app_id"]] == platform]
            missing = Counter(name for each in of_platform for name in identifiers if name not in each["body"])
            assert _whole(found.by(v.MISSING_IDENTIFIERS.name, "identifier", sync=sync, platform=platform)) == missing
            assert found.total(v.REQUESTS_BUILT.name, sync=sync, platform=platform) == len(of_platform)


def _classes(found: Scrape) -> dict[str, str]:
    """Return what each status was taken for."""
    return {each[0]: each[1] for each in found.by(v.ANSWERS.name, "status", "class")}


def _start(
    stream: Stream, kafka: str, topic: str, sandbox: SandboxServer, hold_seconds: float = 1, **options: object
) -> tuple[Run, int]:
    port = free_port()
    values = {"on_rejected": "pause", "retry_minutes": 0.1, "hold_seconds": hold_seconds} | options
    where = {"bootstrap": kafka, "topic": topic, "url": sandbox.url, "ca_file": sandbox.ca_file, "port": port}
    stream.configure(SETTINGS.format(**where, **values))
    return stream.start("-m", "flows", "run"), port


def test_every_number_is_what_the_endpoint_saw(
    stream: Stream, kafka: str, make_topic: MakeTopic, adds_up: Identity, tmp_path: Path
) -> None:
    """Two syncs, three apps, refused keys, 4xx, 5xx, time-outs and resets: record, metrics and summary agree."""
    topic = make_topic(partitions=PARTITIONS)
    read = _produce(kafka, topic)
    with SandboxServer.in_thread(tls=tmp_path / "tls", faults=FAULTS) as sandbox:
        run, port = _start(stream, kafka, topic, sandbox)
        run.wait_for_log("reading a partition")
        expired = v.OUTCOMES.name, {"reason": DeadLetterReason.RETRIES_EXHAUSTED.value}
        read += _trickle_until(kafka, topic, run, port, lambda each: each.total(expired[0], **expired[1]) == HOPELESS)
        found = _await_the_end(run, port, read)
        record = sandbox.requests
        assert run.stop() == 0, run.log
    adds_up(run.summary)
    _outcomes_are_those_of_the_summary(found, run.summary)
    _answers_are_those_of_the_record(found, record)
    main, second = run.summary["syncs"]["main"], run.summary["syncs"]["second"]
    # The run had something of everything, or the comparison proved little.
    assert set(main["dead_lettered"]) == {"no_appsflyer_id", "too_large", "rejected", "retries_exhausted"}
    assert run.summary["refused"] == {"undecodable": 2, "invalid_event": 2}
    assert set(main["filtered"]) | set(second["filtered"]) == set(FilterReason)
    assert main["duplicate"]
    assert main["copies"]
    assert _classes(found) == {
        "200": "delivered",
        "400": "rejected",
        "401": "credentials",
        "403": "credentials",
        "429": "retry",
        "500": "retry",
        "503": "retry",
        "none": "retry",
    }


def test_the_other_numbers_are_what_the_run_was(
    stream: Stream, kafka: str, make_topic: MakeTopic, tmp_path: Path
) -> None:
    """Lag, partitions, held events, circuits, windows, snapshots, health and memory at the end of a run."""
    topic = make_topic(partitions=PARTITIONS)
    read = _produce(kafka, topic)
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        run, port = _start(stream, kafka, topic, sandbox, hold_seconds=3600)

        def is_quiet(found: Scrape) -> bool:
            """Ten events wait for their AppsFlyer id, two of which one sync sends twice, and a snapshot is taken."""
            is_read = found.total(v.EVENTS_READ.name) == read and found.total(v.PENDING.name) == 22
            lags = found.samples.get(v.LAG_EVENTS.name, [])
            is_over = len(lags) == PARTITIONS and not found.total(v.LAG_EVENTS.name)
            return is_read and is_over and found.total(v.SNAPSHOTS.name) >= 1

        found = _scrape_until(run, port, is_quiet)
        assert run.stop() == 0, run.log
    assert {each["partition"] for each, _ in found.select(v.LAG_EVENTS.name)} == {"0", "1", "2"}
    assert found.total(v.LAG_SECONDS.name) == 0
    assert found.one(v.PARTITIONS.name) == PARTITIONS
    assert found.one(v.SOURCE_CONNECTED.name) == found.one(v.SETTINGS_TAKEN.name) == found.one(v.SLICES.name) == 1
    assert found.one(v.HELD.name) == 10
    assert found.one(v.USERS.name) > 100
    assert found.by(v.CIRCUIT.name, "sync", "platform", "circuit") == {
        ("main", "ios", "closed"): 1,
        ("main", "android", "closed"): 1,
        ("second", "ios", "closed"): 1,
    }
    built = found.total(v.REQUESTS_BUILT.name)
    letters = found.total(v.OUTCOMES.name, outcome="dead_lettered") + found.total(v.REFUSED.name)
    assert found.one(f"{v.WINDOW_BATCHES.name}_sum") == built + letters
    assert found.one(v.WINDOW_ITEMS.name) == found.one(v.UNFINISHED.name) == 0
    assert found.total(v.READY.name) == len(found.samples[v.READY.name]) > 5
    assert found.total(v.ALIVE.name) == len(found.samples[v.ALIVE.name]) > 2
    assert found.one(v.SNAPSHOTS.name) >= 1
    assert found.one(v.SNAPSHOT_AGE.name) < 60
    assert found.one(v.SNAPSHOT_INTERVAL.name) == 1
    assert found.one(v.STATE_DISK_FREE.name) > found.one(v.STATE_DISK_RESERVE.name) > 0
    assert found.one(v.STATE_DISK_FULL.name) == found.one(v.BRAKE.name) == found.one(v.LETTERS_BLOCKED.name) == 0
    assert found.one(v.PROCESS_MEMORY.name) > 1 << 20


def test_parked_credentials_are_counted_as_the_endpoint_gave_them(
    stream: Stream, kafka: str, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(partitions=PARTITIONS)
    read = _produce(kafka, topic)
    with SandboxServer.in_thread(tls=tmp_path / "tls", keys=("another",)) as sandbox:
        run, port = _start(stream, kafka, topic, sandbox, on_rejected="park")
        found = _await_the_end(run, port, read)
        record = sandbox.requests
        assert run.stop() == 0, run.log
    _outcomes_are_those_of_the_summary(found, run.summary)
    _answers_are_those_of_the_record(found, record)
    parked = found.total(v.OUTCOMES.name, reason=DeadLetterReason.CREDENTIALS_REJECTED.value)
    assert parked == len(record) > 100
    assert _classes(found) == {"400": "credentials"}


def _base(name: str) -> str:
    """Return the metric's name of a sample: a histogram has several."""
    for part in ("_bucket", "_count", "_sum"):
        if name.removesuffix(part) in HISTOGRAMS:
            return name.removesuffix(part)
    return name


def test_all_that_is_emitted_is_in_the_vocabulary_and_all_of_it_is_emitted(
    stream: Stream, kafka: str, make_topic: MakeTopic, tmp_path: Path
) -> None:
    """A run that has delivered shows every metric, each with exactly its labels; a memory limit may not be there."""
    topic = make_topic(partitions=PARTITIONS)
    _produce(kafka, topic)
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        run, port = _start(stream, kafka, topic, sandbox)
        wanted = {each.name for each in v.EVERY} - {v.MEMORY_LIMIT.name, *(each.name for each in COLLECTOR)}
        found = _scrape_until(run, port, lambda each: wanted <= {_base(name) for name in each.samples})
        assert run.stop() == 0, run.log
    by_name = {each.name: each for each in v.EVERY}
    for name, samples in found.samples.items():
        base = _base(name)
        for labels, _ in samples:
            assert set(labels) - ({"le"} if name.endswith("_bucket") else set()) == set(by_name[base].labels), name
