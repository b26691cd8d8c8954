"""Dead letters, in files and in a real Kafka topic, through the real command to a stand-in AppsFlyer."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.dead_letters import Letter, parse
from connectors.kinds import store_of
from examples.sample_archive import generate, settings_text
from flows.settings import load
from tests.fixtures.letters import read_letters
from tests.fixtures.stream import KEY, Run, Stream

AddsUp = Callable[[dict[str, Any]], None]
MakeTopic = Callable[..., str]
REFUSE = {"rule": [{"status": 400, "text": "no"}]}
IN_FLIGHT = 20
REPLAY = ("-m", "flows", "replay")


@pytest.fixture(params=["files", pytest.param("kafka", marks=pytest.mark.kafka)])
def letters_place(request: pytest.FixtureRequest) -> str:
    """Return `[dead_letters]` of the settings, for each kind."""
    if request.param == "files":
        return 'kind = "files"\ndirectory = "letters"'
    bootstrap, make_topic = request.getfixturevalue("kafka"), request.getfixturevalue("make_topic")
    return f'kind = "kafka"\nbootstrap_servers = "{bootstrap}"\ntopic = "{make_topic(partitions=3)}"'


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Return a stand-in AppsFlyer."""
    with SandboxServer.in_thread(keys=(KEY,)) as server:
        yield server


def _configure(stream: Stream, sandbox: SandboxServer, letters_place: str, events: int = 1500) -> None:
    sample = generate(events=events, users=max(events // 20, 5), end=datetime.now(UTC))
    (stream.directory / "sample.zip").write_bytes(sample.archive())
    text = settings_text("sample.zip", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY")
    text = text.replace('kind = "files"\ndirectory = "letters"', letters_place)
    stream.configure(text.replace("[delivery]\n", "[delivery]\nbrake_share = 1\n") + "\n[identity]\nhold_seconds = 0\n")


def _fail(stream: Stream, sandbox: SandboxServer, faults: dict[str, Any] | None = None) -> int:
    """Run the stream against an AppsFlyer that refuses; return how many events it has refused."""
    sandbox.set_faults(faults or REFUSE)
    run = stream.start("-m", "flows", "run")
    assert run.wait() == 0, run.log
    rejected: int = run.summary["syncs"]["trailmix"]["dead_lettered"]["rejected"]
    sandbox.set_faults({})
    return rejected


def _replay(stream: Stream, *flags: str) -> Run:
    run = stream.start(*REPLAY, *flags)
    assert run.wait() == 0, run.log
    return run


def _requests(least: int) -> Callable[[dict[str, Any]], bool]:
    return lambda counts: bool(counts["requests"] >= least)


def _bodies(sandbox: SandboxServer, status: int) -> Counter[str]:
    return Counter(
        orjson.dumps(request["body"], option=orjson.OPT_SORT_KEYS).decode()
        for request in sandbox.requests
        if request["status"] == status
    )


def _letters(stream: Stream) -> list[Letter]:
    """Return every letter there is."""
    store = store_of(load(stream.directory / "stream.toml").dead_letters)
    reader = store.read(store.bounds().ends, {}, lambda _: None)
    letters = []
    until = time.monotonic() + 30
    while not reader.is_over:
        assert time.monotonic() < until
        letters += [parse(each) for each in reader.read()]
    reader.close()
    return letters


def test_what_was_refused_is_delivered_once_by_any_number_of_replays(
    stream: Stream, sandbox: SandboxServer, letters_place: str, adds_up: AddsUp
) -> None:
    """Exactly the refused requests go out, byte for byte; then nothing, whatever the filters; --again sends all."""
    _configure(stream, sandbox, letters_place)
    rejected = _fail(stream, sandbox)
    assert rejected > 200
    refused = _bodies(sandbox, 400)
    sandbox.reset()

    dry = _replay(stream, "--reason", "rejected", "--dry-run")
    assert f"{rejected} would be sent" in " ".join(dry.output.split())
    assert sandbox.summary()["requests"] == 0
    assert not (stream.directory / "state/replay").exists()

    first = _replay(stream, "--reason", "rejected", "--sync", "trailmix", "--since", "2020-01-01")
    adds_up(first.summary)
    assert first.summary["letters"]["taken"] == first.summary["syncs"]["trailmix"]["delivered"] == rejected
    assert _bodies(sandbox, 200) == refused
    assert sum(refused.values()) == rejected

    for flags in (("--reason", "rejected", "--sync", "trailmix", "--since", "2020-01-01"), ("--reason", "rejected")):
        again = _replay(stream, *flags)
        assert again.summary["letters"]["left_out"]["already_replayed"] == rejected
        assert again.summary["letters"]["taken"] == 0
        assert "replayed before" in again.output
    assert sandbox.summary()["requests"] == rejected
    assert not list((stream.directory / "state/replay").glob("run-*"))

    _replay(stream, "--reason", "rejected", "--again")
    assert sandbox.summary()["requests"] == 2 * rejected


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_replay_loses_nothing_and_repeats_only_what_was_in_flight(
    stream: Stream, sandbox: SandboxServer, letters_place: str, times: int
) -> None:
    """Kill -9 twice under load with some 503; the same command goes on, also with --again."""
    _configure(stream, sandbox, letters_place, 8000)
    settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
    few = f"[delivery]\nmax_pending = 100\nmax_in_flight = {IN_FLIGHT}\n"
    stream.configure(settings.replace("[delivery]\n", few))
    rejected = _fail(stream, sandbox)
    for flags in (("--reason", "rejected"), ("--reason", "rejected", "--again"))[:times]:
        sandbox.reset()
        sandbox.set_faults({"seed": 5, "rule": [{"rate": 0.1, "status": 503}, {"delay_ms": 20.0}]})
        for requests in (200, 700):
            run = stream.start(*REPLAY, *flags)
            sandbox.wait_until(_requests(requests))
            run.kill()
        last = _replay(stream, *flags)
        assert "going on with the replay that was interrupted" in last.log
        delivered = _bodies(sandbox, 200)
        assert len(delivered) == rejected
        repeated = sum(delivered.values()) - rejected
        assert repeated <= 2 * IN_FLIGHT
        assert last.summary["letters"]["seen"] < rejected + 100
        assert _replay(stream, "--reason", "rejected").summary["letters"]["taken"] == 0


def test_a_stopped_replay_goes_on_with_nothing_lost_and_nothing_twice(
    stream: Stream, sandbox: SandboxServer, letters_place: str, adds_up: AddsUp
) -> None:
    """SIGTERM under load: exit 0, a summary that says so; another command, then the same, deliver exactly the rest."""
    _configure(stream, sandbox, letters_place, 8000)
    settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
    few = f"[delivery]\nmax_pending = 300\nmax_in_flight = {IN_FLIGHT}\ndrain_seconds = 0\n"
    stream.configure(settings.replace("[delivery]\n", few))
    rejected = _fail(stream, sandbox)
    sandbox.reset()
    sandbox.set_faults({"rule": [{"delay_ms": 50.0}]})
    stopped = stream.start(*REPLAY, "--reason", "rejected,too_large")
    sandbox.wait_until(lambda counts: counts["requests"] >= 300)
    assert stopped.stop() == 0, stopped.log
    adds_up(stopped.summary)
    assert "goes on with the rest" in stopped.output
    sandbox.set_faults({})
    other = _replay(stream, "--reason", "rejected")
    same = _replay(stream, "--reason", "rejected,too_large")
    adds_up(other.summary)
    adds_up(same.summary)
    assert len(_bodies(sandbox, 200)) == rejected
    assert stopped.summary["syncs"]["trailmix"]["pending"] > 3 * IN_FLIGHT
    # What the stop broke off was answered after all, and is the only thing that may be there twice.
    assert sum(_bodies(sandbox, 200).values()) - rejected <= IN_FLIGHT


def test_what_is_refused_again_is_a_letter_that_the_next_replay_takes(
    stream: Stream, sandbox: SandboxServer, letters_place: str, adds_up: AddsUp
) -> None:
    """It is not taken by the same run, keeps where and when it was first seen, and says how often it was replayed."""
    _configure(stream, sandbox, letters_place)
    rejected = _fail(stream, sandbox)
    before = _letters(stream)
    sandbox.set_faults(REFUSE)
    run = _replay(stream, "--reason", "rejected")
    adds_up(run.summary)
    assert run.summary["syncs"]["trailmix"]["dead_lettered"] == {"rejected": rejected}
    assert run.summary["letters"]["seen"] == len(before)

    def known(letters: list[Letter], replays: int) -> list[tuple[Any, ...]]:
        return sorted(
            (each.position, each.first_seen_ms, each.sync, each.copy, each.send_as, each.value, each.key, each.identity)
            for each in letters
            if each.reason == "rejected" and each.replays == replays
        )

    after = _letters(stream)
    assert known(after, 1) == known(before, 0)
    assert len(known(after, 1)) == rejected
    assert all(each[-1] for each in known(after, 1))
    sandbox.reset()
    sandbox.set_faults({})
    assert _replay(stream, "--reason", "rejected").summary["syncs"]["trailmix"]["delivered"] == rejected
    assert _replay(stream, "--reason", "rejected").summary["letters"]["taken"] == 0
    assert sandbox.summary()["requests"] == rejected


def test_a_rate_holds_letters_back(stream: Stream, sandbox: SandboxServer) -> None:
    """No second has more requests than the rate allows, though far more letters wait."""
    _configure(stream, sandbox, 'kind = "files"\ndirectory = "letters"', 700)
    assert _fail(stream, sandbox) > 60
    sandbox.reset()
    run = stream.start(*REPLAY, "--reason", "rejected", "--rate", "20/s")
    sandbox.wait_until(lambda counts: counts["requests"] >= 1)
    began = time.monotonic()
    sandbox.wait_until(lambda counts: counts["requests"] >= 50)
    assert time.monotonic() - began > 49 / 20 * 0.9
    assert run.stop() == 0, run.log


def test_a_fixed_decoder_delivers_what_it_had_refused(stream: Stream, sandbox: SandboxServer, adds_up: AddsUp) -> None:
    """A letter without a sync that can be read now goes to the syncs that select it; the others stay where they are."""
    _configure(stream, sandbox, 'kind = "files"\ndirectory = "letters"', 100)
    _fail(stream, sandbox)
    (path,) = (stream.directory / "letters").iterdir()
    user = {"appsflyer_id": "1700000000000-7654321"}
    event = {"event_type": "Sign Up", "user_id": "late", "platform": "iOS", "user_properties": user}
    where = {"topic": "old", "partition": "0", "offset": "1", "first_seen": "1", "failed_at": "1"}
    with path.open("ab") as file:
        for offset, each in enumerate((event, {**event, "event_type": "Opened"}, {"no": "event"})):
            headers = {**where, "reason": "invalid_event", "stage": "decode", "error": "", "offset": str(offset)}
            file.write(orjson.dumps({"value": orjson.dumps(each).decode(), "key": None, "headers": headers}) + b"\n")
    sandbox.reset()
    run = _replay(stream, "--reason", "invalid_event", "--until", "2000-01-01", "--sync", "trailmix")
    adds_up(run.summary)
    sync = run.summary["syncs"]["trailmix"]
    assert (sync["delivered"], sync["filtered"], run.summary["refused"]) == (
        1,
        {"not_selected": 1},
        {"invalid_event": 1},
    )
    (request,) = sandbox.requests
    assert request["body"]["eventName"] == "af_complete_registration"
    again = [each for each in read_letters(stream.directory / "letters") if each.headers.get("replays")]
    assert [(each.headers["topic"], each.headers["offset"], each.value) for each in again] == [
        ("old", "2", b'{"no":"event"}')
    ]


@pytest.mark.kafka
def test_a_replay_runs_beside_the_stream(
    stream: Stream, sandbox: SandboxServer, kafka: str, make_topic: MakeTopic, adds_up: AddsUp
) -> None:
    """Both run on the same settings; the stream goes on delivering, and each event is delivered once."""
    topic, letters = make_topic(), make_topic()
    place = f'kind = "kafka"\nbootstrap_servers = "{kafka}"\ntopic = "{letters}"'
    _configure(stream, sandbox, place)
    settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
    source = f'kind = "kafka"\nbootstrap_servers = "{kafka}"\ntopic = "{topic}"\ngroup_id = "{topic}"'
    stream.configure(settings.replace('kind = "files"\npaths = ["sample.zip"]', source))
    producer = Producer({"bootstrap.servers": kafka})

    def produce(first: int, last: int) -> None:
        for number in range(first, last):
            user = {"appsflyer_id": f"1700000000000-{number}"}
            event = {"event_type": "Sign Up", "user_id": f"u-{number}", "platform": "iOS", "user_properties": user}
            producer.produce(topic, orjson.dumps(event), f"u-{number}")
        assert producer.flush(30) == 0

    sandbox.set_faults(REFUSE)
    produce(1, 101)
    main = stream.start("-m", "flows", "run")
    sandbox.wait_until(lambda counts: counts["requests"] >= 100)
    deadline = time.monotonic() + 20
    while len(_letters(stream)) < 100:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    sandbox.set_faults({})
    sandbox.reset()
    produce(101, 201)
    replayed = _replay(stream, "--reason", "rejected")
    sandbox.wait_until(lambda counts: counts["unique_bodies"] >= 200)
    assert main.stop() == 0, main.log
    assert replayed.summary["syncs"]["trailmix"]["delivered"] == 100
    assert main.summary["syncs"]["trailmix"]["delivered"] == 100
    assert sandbox.summary()["duplicate_bodies"] == 0
    adds_up(main.summary)


@pytest.mark.kafka
@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_missing_topic_is_said(stream: Stream, sandbox: SandboxServer, kafka: str, flags: tuple[str, ...]) -> None:
    """Exit 2, and the setting is named."""
    _configure(stream, sandbox, f'kind = "kafka"\nbootstrap_servers = "{kafka}"\ntopic = "no-such-letters"')
    run = stream.start(*REPLAY, "--all", *flags)
    assert run.wait() == 2
    assert "dead_letters.topic: there is no topic 'no-such-letters'" in run.log


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_said(stream: Stream, sandbox: SandboxServer) -> None:
    """Exit 1 within seconds: the operator is there to see it."""
    _configure(stream, sandbox, 'kind = "kafka"\nbootstrap_servers = "127.0.0.1:9"\ntopic = "letters"')
    run = stream.start(*REPLAY, "--all")
    assert run.wait() == 1
    assert "'letters' at 127.0.0.1:9 cannot be read" in run.log
