"""Slices: several processes share a topic, their number changes by the written procedure, and each event goes once."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Producer

from tests.chaos.produced import USERS, Message, introductions, messages, tells_its_id, user_of
from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.stream import Identity, Run, Stream

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

PARTITIONS: Final = 4
LATE: Final = 30
"""From this user on nobody knows their AppsFlyer id before the end, so that their events wait."""
PROCEDURE: Final = Path(__file__).parents[2] / "docs" / "reslice.md"
SLOW: Final[dict[str, Any]] = {"max_in_flight": 32, "timeout_seconds": 10, "drain_seconds": 3}
"""With answers after 0.3 s some hundred requests a second: at a stop most of what was read is pending.

A busy machine answers later than that, and an answer that comes after its time-out is sent again: so it is long."""


@pytest.fixture
def world(
    request: pytest.FixtureRequest, stream: Stream, kafka: str, make_topic: Callable[..., str]
) -> Iterator[World]:
    """Return a topic of four partitions, the stand-in AppsFlyer, and the oracle."""
    topic = make_topic(partitions=PARTITIONS)
    record = stream.directory / "record.ndjson"
    made = World(str(request.node.name), 0, stream, kafka, topic, record, lambda _line: None)
    made.letters_topic = make_topic()
    with made.cleanup:
        yield made


def _send(world: World, batch: Iterable[Message]) -> None:
    producer = Producer({"bootstrap.servers": world.bootstrap, "linger.ms": 5})
    for key, value in batch:
        producer.produce(world.topic, value, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def _produce(world: World, count: int, begin: int) -> None:
    """Produce ids; the late users' only where the event does not tell its AppsFlyer id, and few, for they are held."""

    def candidates() -> Iterator[int]:
        number = begin
        while True:
            number += 1
            if user_of(number) < LATE or (not tells_its_id(number) and number % 4 == 0):
                yield number

    numbers = list(islice(candidates(), count))
    _send(world, (message for number in numbers for message in messages(number)))
    world.numbers += numbers


def _introduce(world: World, users: range) -> None:
    everybody = list(introductions())
    _send(world, (everybody[user] for user in users))


def _run(world: World, *arguments: str) -> Run:
    return world.start("-m", "flows", *arguments)


def _command(world: World, line: str) -> Run:
    """Run a line of the written procedure."""
    assert line in _procedure(), f"{line!r} is not in {PROCEDURE.name}"
    return world.start(*line.split()[1:])


def _procedure() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PROCEDURE.read_text(encoding="utf-8"), re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def _stop(runs: Iterable[Run]) -> list[dict[str, Any]]:
    started = list(runs)
    for run in started:
        run.process.terminate()
    for run in started:
        assert run.wait() == 0, run.log
    return [run.summary for run in started]


def _pending(summaries: Iterable[dict[str, Any]]) -> int:
    return sum(int(each["syncs"]["chaos"]["pending"]) for each in summaries)


def _accepted(world: World) -> int:
    return int(world.sandbox.summary()["accepted_bodies"])


def _await_more(world: World, more: int, runs: Iterable[Run]) -> None:
    least = _accepted(world) + more
    for run in runs:
        world.await_accepted(least, run)


def test_two_slices_share_a_topic(world: World, adds_up: Identity) -> None:
    """Together they deliver everything once; each reads its own partitions, and its summary adds up."""
    world.endpoint()
    world.configure()
    world.produce(3000)
    runs = [_run(world, "run", "--slice", f"{index}/2") for index in range(2)]
    for run in runs:
        world.await_accepted(world.wanted(), run)
    summaries = _stop(runs)
    for summary in summaries:
        adds_up(summary)
        assert summary["read"] > 0
    repeated = sum(len(list(messages(number))) for number in world.numbers)
    assert sum(summary["read"] for summary in summaries) == repeated + USERS
    assert _pending(summaries) == 0
    for index, run in enumerate(runs):
        partitions = {int(found) for found in re.findall(r'"partition": (\d+)', run.log)}
        assert partitions == {index, index + 2}, run.log
    world.conclude(fired=1, copies_allowed=0)


def test_from_one_slice_to_two_and_back(world: World, adds_up: Identity) -> None:
    """By the written procedure, under load, with held events, duplicates and much that is pending at each stop.

    Nothing is lost, nothing is sent twice, and nothing has another body than it must.
    """
    world.endpoint(faults={"rule": [{"delay_ms": 300.0}]})
    world.configure(**SLOW)
    _introduce(world, range(LATE))
    _produce(world, 2500, 0)

    one = _command(world, "python -m flows run")
    _await_more(world, 300, [one])
    summaries = _stop([one])
    held_and_pending = _pending(summaries)
    assert held_and_pending > 500

    dealt = _command(world, "python -m flows reslice --from 1 --to 2")
    assert dealt.wait() == 0, dealt.log
    _produce(world, 1000, max(world.numbers))
    two = [_command(world, f"python -m flows run --slice {index}/2") for index in range(2)]
    _await_more(world, 200, two)
    summaries = _stop(two)
    for summary in summaries:
        adds_up(summary)
    assert all(_pending([summary]) > 100 for summary in summaries)

    dealt = _command(world, "python -m flows reslice --from 2 --to 1")
    assert dealt.wait() == 0, dealt.log
    assert "held events" in dealt.output
    _introduce(world, range(LATE, USERS))
    _produce(world, 500, max(world.numbers))
    world.sandbox.set_faults({})
    last = _command(world, "python -m flows run")
    world.await_accepted(world.wanted(), last)
    summaries = _stop([last])
    adds_up(summaries[0])
    assert _pending(summaries) == 0
    world.conclude(fired=1, copies_allowed=0)


@pytest.mark.slow
def test_after_kills(world: World) -> None:
    """Slices that were killed are resliced, too: what a restart of theirs would not send again, the new ones do not."""
    world.endpoint(faults={"rule": [{"delay_ms": 50.0}]})
    world.configure()
    world.produce(6000)
    runs = [_run(world, "run", "--slice", f"{index}/3") for index in range(3)]
    _await_more(world, 1500, runs)
    for run in runs:
        world.kill(run)
    assert _accepted(world) < world.wanted(), "nothing was left to lose"
    dealt = _run(world, "reslice", "--from", "3", "--to", "2")
    assert dealt.wait() == 0, dealt.log
    last = [_run(world, "run", "--slice", f"{index}/2") for index in range(2)]
    for run in last:
        world.await_accepted(world.wanted(), run)
    assert _pending(_stop(last)) == 0
    world.conclude(fired=3, copies_allowed=3 * (MAX_IN_FLIGHT + UNWRITTEN_ANSWERS))


def test_slices_of_another_number_are_refused(world: World) -> None:
    """A start beside the state of another number of slices would send again what they have sent."""
    world.endpoint()
    world.configure()
    world.produce(1000)
    one = _run(world, "run")
    world.await_accepted(world.wanted(), one)
    running = _run(world, "reslice", "--from", "1", "--to", "2")
    assert running.wait() == 2
    assert "slice 0 of 1 is running" in running.log
    _stop([one])
    for command in (["flows", "run", "--slice", "0/2"], ["bytewax.run", "flows.stream"]):
        run = world.stream.start("-m", *command, environment={"STREAM_SLICE": "0/2"})
        assert run.wait() == 2
        assert "python -m flows reslice --from 1 --to 2" in run.log
    missing = _run(world, "reslice", "--from", "3", "--to", "2")
    assert missing.wait() == 2
    assert "there is no state of slice 0 of 3" in missing.log
    for number in ("2/2", "x", "-1/2"):
        wrong = _run(world, "run", f"--slice={number}")
        assert wrong.wait() == 2
        assert "expected i/N with i from 0 to N-1" in wrong.log


def test_a_lost_state_is_learnt_again(world: World, adds_up: Identity) -> None:
    """Without its state a start learns from what is before the group's offset, and sends nothing of it.

    Later events get the identifiers taught there, and what repeats an event from there is a duplicate.
    """
    world.endpoint()
    world.configure()
    world.produce(1500)
    first = _run(world, "run")
    world.await_accepted(world.wanted(), first)
    assert _pending(_stop([first])) == 0
    shutil.rmtree(world.stream.directory / "state")
    sent, before = _accepted(world), list(world.numbers)
    again = [message for number in before[-60:] for message in messages(number) if number % 97]
    _send(world, again)
    _produce(world, 500, max(before))
    second = _run(world, "run")
    world.await_accepted(world.wanted(), second)
    summary = _stop([second])[0]
    adds_up(summary)
    assert "warmed up" in second.log
    assert summary["read"] == len(again) + sum(len(list(messages(each))) for each in world.numbers[len(before) :])
    assert summary["syncs"]["chaos"]["delivered"] == _accepted(world) - sent
    verdict = world.conclude(fired=1, copies_allowed=0)
    assert not verdict.lost


def test_two_workers_keep_each_user_together(world: World, adds_up: Identity) -> None:
    """`-w 2`: most events hold no AppsFlyer id, and all arrive with their user's; SIGTERM ends it with 0."""
    world.endpoint()
    world.configure()
    world.produce(2000)
    run = world.stream.start_recovering("-w", "2")
    world.await_accepted(world.wanted(), run)
    summary = _stop([run])[0]
    adds_up(summary)
    assert _pending([summary]) == 0
    world.conclude(fired=1, copies_allowed=0)
