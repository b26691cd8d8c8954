"""The contract of `connectors.ports.DeliveryEngine`, kept by every engine: over real TLS and HTTP/2, or in memory."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.appsflyer.sandbox.certificate import CA_FILE
from connectors.delivery.engines.in_memory import InMemoryEngine
from connectors.delivery.engines.libcurl import LibcurlEngine
from connectors.ports import Answer, Completed, DeliveryEngine, Endpoint
from tests.fixtures.engines import answers_of
from tests.fixtures.http2 import Http2Server, Session, http2_server

PLANNED = {
    b"taken": Answer(200, "OK", 0.0),
    b"taken, in other words": Answer(200, "ok, thanks", 0.0),
    b"taken, without a word": Answer(200, "", 0.0),
    b"a page": Answer(200, "<html>", 0.0, is_html=True),
    b"wrong": Answer(400, "Failed to Authenticate", 0.0),
    b"too many": Answer(429, "", 7.0),
    b"down": Answer(503, "unavailable", 0.0),
    b"moved": Answer(307, "", 0.0),
}
"""What is answered to a body; to any other `taken`."""


class Rig(NamedTuple):
    """An engine, the address that it sends to, and what came there: (path, key, body)."""

    engine: DeliveryEngine
    url: str
    came: list[tuple[str, str, bytes]]

    def lane(self, path: str = "/inappevent/id1", key: str = "a-key") -> int:
        return self.engine.open_lane(Endpoint(self.url + path, key))

    def await_all(self) -> list[Completed]:
        """Return what was completed, until nothing is under way."""
        rounds = []
        while self.engine.in_flight:
            rounds.append(self.engine.completed(0.5))
        return rounds

    def send(self, *requests: tuple[Any, int, bytes], alone: bool = False) -> dict[Any, Answer]:
        self.engine.submit(requests, alone=alone)
        return {request: answer for each in self.await_all() for request, answer in answers_of(each).items()}


def _planned(body: bytes) -> Answer:
    return PLANNED.get(body, PLANNED[b"taken"])


@contextmanager
def libcurl(directory: Path) -> Iterator[Rig]:
    came = []

    def respond(session: Session, stream: int) -> None:
        fields, body = server.fields[session, stream], server.bodies[session, stream]
        came.append((fields[":path"], fields["authentication"], body))
        planned = _planned(body)
        head = {"content-type": "text/html" if planned.is_html else "text/plain"}
        if planned.retry_after_seconds:
            head["retry-after"] = f"{planned.retry_after_seconds:.0f}"
        session.answer(stream, planned.text.encode(), status=planned.status, fields=head)

    server: Http2Server
    with http2_server(directory, respond) as server:
        engine = LibcurlEngine(timeout_seconds=20, max_connections=4, ca_file=directory / CA_FILE, proxy=None)
        try:
            yield Rig(engine, f"https://127.0.0.1:{server.port}", came)
        finally:
            engine.close()


@contextmanager
def in_memory(_directory: Path) -> Iterator[Rig]:
    url, came = "https://appsflyer.invalid", []

    def answer(endpoint: Endpoint, body: bytes) -> Answer:
        came.append((endpoint.url.removeprefix(url), endpoint.key, body))
        return _planned(body)

    engine = InMemoryEngine(answer)
    yield Rig(engine, url, came)
    engine.close()


@pytest.fixture(params=[libcurl, in_memory], ids=["libcurl", "in_memory"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with request.param(tmp_path) as made:
        yield made


@pytest.mark.parametrize("body", PLANNED)
def test_an_answer_is_told_as_it_was_given(rig: Rig, body: bytes) -> None:
    answer = rig.send(("one", rig.lane(), body))["one"]
    assert answer.seconds >= 0
    assert answer._replace(seconds=0.0) == PLANNED[body]
    assert len(rig.came) == 1


def test_only_the_usual_answer_is_told_as_a_delivery(rig: Rig) -> None:
    lane = rig.lane()
    rig.engine.submit([(body, lane, body) for body in PLANNED])
    delivered = [request for each in rig.await_all() for request, _ in each.delivered]
    assert delivered == [b"taken"]


def test_each_request_is_sent_once_and_completed_once(rig: Rig) -> None:
    lane, bodies = rig.lane(), [b"%d" % number for number in range(700)]
    bodies[::7] = [b"down"] * len(bodies[::7])
    completed: Counter[int] = Counter()
    for first in range(0, len(bodies), 100):
        rig.engine.submit([(number, lane, bodies[number]) for number in range(first, first + 100)])
        completed.update(answers_of(rig.engine.completed(0.0)).keys())
    for each in rig.await_all():
        completed.update(answers_of(each).keys())
    assert completed == Counter(range(len(bodies)))
    assert Counter(body for *_, body in rig.came) == Counter(bodies)


def test_an_id_is_returned_as_it_was_given(rig: Rig) -> None:
    """The same object, whatever it is, and as often as it was given."""
    given, lane = [object(), None, [1]], rig.lane()
    rig.engine.submit([(each, lane, body) for each in [*given, None] for body in (b"taken", b"down")])
    returned = [request for each in rig.await_all() for request, _ in [*each.delivered, *each.others]]
    assert Counter(map(id, returned)) == Counter(id(each) for each in [*given, None] for _ in range(2))


def test_a_lane_has_an_endpoint_and_a_key_of_its_own(rig: Rig) -> None:
    one, two = rig.lane("/inappevent/one", "key-1"), rig.lane("/inappevent/two", "key-2")
    rig.send(("a", one, b"1"), ("b", two, b"2"), ("c", one, b"3"))
    rig.send(("d", two, b"4"), ("e", one, b"5"))
    assert sorted(rig.came, key=lambda each: each[2]) == [
        ("/inappevent/one", "key-1", b"1"),
        ("/inappevent/two", "key-2", b"2"),
        ("/inappevent/one", "key-1", b"3"),
        ("/inappevent/two", "key-2", b"4"),
        ("/inappevent/one", "key-1", b"5"),
    ]


def test_what_is_under_way_on_a_lane_that_is_closed_is_completed(rig: Rig) -> None:
    """As where a key is replaced: the next request goes with the new one."""
    lane = rig.lane(key="before")
    rig.engine.submit([("old", lane, b"taken")])
    rig.engine.close_lane(lane)
    answers = rig.send(("new", rig.lane(key="after"), b"taken"))
    assert {request: answer.status for request, answer in answers.items()} == {"old": 200, "new": 200}
    assert sorted(key for _, key, _ in rig.came) == ["after", "before"]


def test_in_flight_is_what_was_submitted_and_is_not_completed(rig: Rig) -> None:
    lane = rig.lane()
    assert rig.engine.in_flight == 0
    rig.engine.submit([])
    assert rig.engine.in_flight == 0
    rig.engine.submit([(number, lane, b"taken") for number in range(5)])
    assert rig.engine.in_flight == 5
    completed = sum(len(answers_of(each)) for each in rig.await_all())
    assert (completed, rig.engine.in_flight) == (5, 0)


def test_a_probe_is_answered_as_any_other(rig: Rig) -> None:
    lane = rig.lane()
    rig.send(("first", lane, b"taken"))
    assert rig.send(("probe", lane, b"wrong"), alone=True)["probe"].status == 400
    assert rig.send(("after", lane, b"taken"))["after"].status == 200


def test_a_wake_ends_the_wait(rig: Rig) -> None:
    """Also one that came before it: what it is about would otherwise be seen half a second late."""
    rig.engine.wake()
    began = time.monotonic()
    assert rig.engine.completed(30.0) == Completed([], [])
    other = threading.Timer(0.05, rig.engine.wake)
    other.start()
    assert rig.engine.completed(30.0) == Completed([], [])
    other.join()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("made", [libcurl, in_memory])
def test_a_wake_after_the_end_reaches_no_file_that_was_opened_since(
    tmp_path: Path, made: Callable[[Path], AbstractContextManager[Rig]]
) -> None:
    """As where the sender has ended by an error: others wake it until they notice."""
    with made(tmp_path) as rig:
        pass
    with ExitStack() as stack:
        paths = [tmp_path / f"{number}.journal" for number in range(20)]
        for each in paths:
            stack.enter_context(each.open("wb"))
        rig.engine.wake()
    assert {each.stat().st_size for each in paths} == {0}
