"""A connection that went silent costs one time-out; a process that was stopped reads before it judges.

Real sockets; HTTP/2 over TLS, and HTTP/1.1 with several connections.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.appsflyer.sandbox.certificate import CA_FILE
from connectors.delivery.active_clock import ActiveClock
from connectors.delivery.engines.libcurl import LibcurlEngine
from connectors.ports import Answer, Endpoint
from tests.fixtures.dead_end import DeadEnd, dead_end
from tests.fixtures.engines import answers_of
from tests.fixtures.http2 import Session, http2_server

TIMEOUT_SECONDS = 0.6


class Sender:
    """An engine, and what was answered on it."""

    def __init__(
        self,
        url: str,
        ca_file: Path | None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: ActiveClock | None = None,
    ) -> None:
        self.engine = LibcurlEngine(
            timeout_seconds=timeout_seconds, max_connections=8, ca_file=ca_file, proxy=None, clock=clock
        )
        self._lane = self.engine.open_lane(Endpoint(f"{url}/inappevent/id1", "a-key"))
        self.answers: dict[str, Answer] = {}

    def start(self, name: str, *, alone: bool = False) -> None:
        self.engine.submit([(name, self._lane, name.encode())], alone=alone)

    def await_all(self) -> None:
        while self.engine.in_flight:
            self.round()

    def round(self, longest_seconds: float = 0.5) -> None:
        self.answers.update(answers_of(self.engine.completed(longest_seconds)))

    def send(self, *names: str) -> list[int]:
        for name in names:
            self.start(name)
        self.await_all()
        return [self.answers[name].status for name in names]


def at_once(session: Session, stream: int) -> None:
    session.answer(stream)


@contextmanager
def speaking(protocol: str, directory: Path) -> Iterator[tuple[Sender, DeadEnd]]:
    """Yield what sends through a proxy to a server that answers at once."""
    with ExitStack() as stack:
        ca_file = None
        if protocol == "HTTP/2":
            port = stack.enter_context(http2_server(directory, at_once)).port
            ca_file = directory / CA_FILE
        else:
            port = stack.enter_context(SandboxServer.in_thread()).port
        proxy = stack.enter_context(dead_end(port))
        scheme = "http" if ca_file is None else "https"
        sender = Sender(f"{scheme}://127.0.0.1:{proxy.port}", ca_file)
        stack.callback(sender.engine.close)
        yield sender, proxy


ANSWERED = {"HTTP/2": 200, "HTTP/1.1": 400}
"""The sandbox finds something wrong with what these tests send; here any answer is one."""
protocols = pytest.mark.parametrize("protocol", ANSWERED)


@protocols
def test_after_a_time_out_the_next_request_takes_another_connection(protocol: str, tmp_path: Path) -> None:
    """Nor does it take one of the others that were idle: they went silent in the same moment."""
    good = ANSWERED[protocol]
    with speaking(protocol, tmp_path) as (sender, proxy):
        assert sender.send("a", "b", "c") == [good] * 3
        before = proxy.connections
        assert proxy.silence() == before
        assert sender.send("lost") == [0]
        assert sender.answers["lost"].text.startswith("libcurl 28:")
        assert [sender.send(f"after {number}") for number in range(4)] == [[good]] * 4
        assert proxy.connections == before + 1


@protocols
def test_under_load_everything_that_is_sent_after_the_first_time_out_is_answered(protocol: str, tmp_path: Path) -> None:
    good = ANSWERED[protocol]
    with speaking(protocol, tmp_path) as (sender, proxy):
        assert sender.send(*map(str, range(8))) == [good] * 8
        proxy.silence()
        for number in range(8):
            sender.start(f"lost {number}")
        while not sender.answers.get("lost 0"):
            sender.round()
        names = [f"after {number}" for number in range(50)]
        assert sender.send(*names) == [good] * 50
        assert sender.answers["lost 0"].status == 0


@protocols
def test_a_probe_has_a_connection_of_its_own(protocol: str, tmp_path: Path) -> None:
    """It asks whether the app can be reached; a connection that has died without a word would never tell."""
    with speaking(protocol, tmp_path) as (sender, proxy):
        sender.send("first")
        proxy.silence()
        sender.start("probe", alone=True)
        sender.await_all()
        assert sender.answers["probe"].status == ANSWERED[protocol]
        sender.start("another", alone=True)
        sender.await_all()
        assert sender.answers["another"].status == ANSWERED[protocol]
        assert proxy.connections == 3


def test_what_is_under_way_on_a_slow_connection_is_not_broken_off(tmp_path: Path) -> None:
    """One request of a connection never gets an answer; those beside it do, though new ones go elsewhere."""
    held: list[tuple[Session, int]] = []

    def respond(session: Session, stream: int) -> None:
        if server.came[-1] == b"at once":
            session.answer(stream)
        else:
            held.append((session, stream))

    with http2_server(tmp_path, respond) as server:
        sender = Sender(f"https://127.0.0.1:{server.port}", tmp_path / CA_FILE)
        sender.start("at once")
        sender.await_all()
        del sender.answers["at once"]
        sender.start("never")
        until = time.monotonic() + TIMEOUT_SECONDS / 2
        while time.monotonic() < until:
            sender.round(0.05)
        sender.start("slow")
        while "never" not in sender.answers:
            sender.round()
        assert server.connections == 1
        sender.start("at once")
        while server.connections < 2 or len(sender.answers) < 2:
            sender.round(0.05)
        assert server.connections == 2
        session, stream = held[1]
        server.call(lambda: session.answer(stream))
        server.call(session.flush)
        sender.await_all()
        sender.engine.close()
    assert (sender.answers["never"].status, sender.answers["slow"].status) == (0, 200)


def test_a_process_that_was_stopped_reads_its_sockets_before_it_judges(tmp_path: Path) -> None:
    """For longer than the time-out nobody looked; the answers are there, and none of them is a time-out."""
    held: list[tuple[Session, int]] = []
    with http2_server(tmp_path, lambda session, stream: held.append((session, stream))) as server:
        sender = Sender(f"https://127.0.0.1:{server.port}", tmp_path / CA_FILE)
        for number in range(100):
            sender.start(str(number))
        while len(held) < 100:
            sender.round(0.05)
        answered = threading.Event()

        def answer_all() -> None:
            for session, stream in held:
                session.answer(stream)
            held[0][0].flush()
            answered.set()

        server.call(answer_all)
        answered.wait(10)
        time.sleep(TIMEOUT_SECONDS + 0.1)  # as if stopped
        assert not sender.answers
        sender.await_all()
        sender.engine.close()
    assert Counter(answer.status for answer in sender.answers.values()) == {200: 100}


def test_all_that_has_arrived_is_read_however_many_readings_it_takes(tmp_path: Path) -> None:
    """One reading of the sockets takes only a part of long answers; what it leaves is there, and is no time-out."""
    held: list[tuple[Session, int]] = []
    names = [str(number) for number in range(40)]
    now = [0.0]
    with http2_server(tmp_path, lambda session, stream: held.append((session, stream))) as server:
        url = f"https://127.0.0.1:{server.port}"
        sender = Sender(url, tmp_path / CA_FILE, clock=ActiveClock(lambda: now[0]))
        for name in names:
            sender.start(name)
        while len(held) < len(names):
            sender.round(0.05)
        answered = threading.Event()

        def answer_all() -> None:
            for session, stream in held:
                session.answer(stream, b"-" * 48_000)
            held[0][0].flush()
            answered.set()

        server.call(answer_all)
        assert answered.wait(10)
        now[0] += TIMEOUT_SECONDS + 0.1  # as if stopped
        sender.round(0.0)
        sender.engine.close()
    assert {name: answer.status for name, answer in sender.answers.items()} == dict.fromkeys(names, 200)


@pytest.mark.parametrize(("steps", "seconds"), [([0.5, 0.5, 1.5], 2.5), ([1.0, 18_000.0, 1.0], 4.0), ([], 0.0)])
def test_time_in_which_nothing_ran_does_not_count(steps: list[float], seconds: float) -> None:
    now = [100.0]
    reading: Callable[[], float] = lambda: now[0]  # noqa: E731 - typed
    clock = ActiveClock(reading)
    began = clock.seconds()
    for step in steps:
        now[0] += step
        clock.seconds()
    assert clock.seconds() - began == pytest.approx(seconds)
