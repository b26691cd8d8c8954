"""A scenario's world: a topic, the stream's processes, the stand-in AppsFlyer, and the judgement at the end."""

import os
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.appsflyer.sandbox.app import Options, SandboxServer
from tests.chaos.oracle import Letter, Verdict, judge, read_record
from tests.chaos.produced import introductions, is_wanted, messages, tells_its_id
from tests.fixtures.letters import read_letters
from tests.fixtures.settings import Table, kafka_source, settings_text, sync_table
from tests.fixtures.stream import KEY, Run, Stream

PATIENCE_SECONDS: Final = 100.0
"""For whatever is waited for: generous, for the machine may be busy, but within the tests' timeout of 120 s: so what
is waited for in vain is told with the log."""
MAX_IN_FLIGHT: Final = 256
UNWRITTEN_ANSWERS: Final = 200
"""Answers of 50 ms, at 4,000 a second: what a crash may make unknown beyond what was in flight."""

Counts = dict[str, Any]


@dataclass
class World:
    """What one scenario works with. `conclude` ends it."""

    name: str
    seed: int
    stream: Stream
    bootstrap: str
    topic: str
    record: Path
    write_line: Callable[[str], None]
    numbers: list[int] = field(default_factory=list)
    """The ids that were produced."""
    only_telling: bool = False
    """Produce only events that hold their AppsFlyer id themselves, and so depend on no state."""
    epoch_seconds: int = 1
    """Ten times as often as by default, so that more can go wrong."""
    letters_topic: str | None = None
    """Dead letters go there; without it into files."""
    began: float = field(default_factory=time.monotonic)
    cleanup: ExitStack = field(default_factory=ExitStack)
    sandbox: SandboxServer = field(init=False)
    killed_at_s: list[float] = field(default_factory=list)
    """When processes were killed, in seconds since the epoch."""

    def endpoint(self, **options: Any) -> None:
        """Start the stand-in AppsFlyer; `options` as it takes them."""
        every: Options = {
            "keys": (KEY,),
            "tls": self.stream.directory / "tls",
            "record": self.record,
            "drop_bodies": False,
            **options,  # type: ignore[typeddict-item]  # a test's own options
        }
        self.sandbox = self.cleanup.enter_context(SandboxServer.in_thread(**every))

    def configure(self, key: str = "env:APPSFLYER_S2S_KEY", endpoint: str = "", **delivery: float | str | Path) -> None:
        """Write the settings; `delivery` goes into `[delivery]`."""
        given = {name: str(value) if isinstance(value, Path) else value for name, value in delivery.items()}
        where = {"endpoint": endpoint or self.sandbox.url, "ca_file": str(self.stream.directory / "tls" / "ca.pem")}
        tables: dict[str, Table] = {
            "identity": {"hold_seconds": 3600},
            "delivery": {**where, **given},
            "state": {"directory": "state", "epoch_seconds": self.epoch_seconds},
        }
        if self.letters_topic:
            tables["dead_letters"] = {"kind": "kafka", "topic": self.letters_topic}
        self.stream.configure(
            settings_text(
                kafka_source(self.bootstrap, self.topic),
                sync_table(
                    "chaos",
                    ios_bundle_id="com.example.ios",
                    android_app_id="com.example.chaos",
                    s2s_key=key,
                    event=[{"name": "Order Completed", "send_as": "af_purchase"}],
                ),
                **tables,
            )
        )

    def produce(self, count: int) -> None:
        """Produce the next ids; before the first, what teaches the users' AppsFlyer ids."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5})
        batch = [] if self.numbers else list(introductions())
        begin = self.numbers[-1] + 1 if self.numbers else 1
        candidates = (each for each in count_from(begin) if tells_its_id(each) or not self.only_telling)
        more = list(islice(candidates, count))
        for number in more:
            batch.extend(messages(number))
        for key, value in batch:
            producer.produce(self.topic, value, key)
            producer.poll(0)
        assert producer.flush(60) == 0
        self.numbers += more

    @property
    def events(self) -> int:
        """How many ids were produced."""
        return len(self.numbers)

    def start(self, *arguments: str) -> Run:
        """Start `python -m flows run`, or something else."""
        return self.stream.start(*(arguments or ("-m", "flows", "run")))

    def kill(self, run: Run) -> None:
        """Kill -9, as a crash does."""
        run.kill()
        self.killed_at_s.append(time.time())

    def wanted(self) -> int:
        """Return how many ids must arrive."""
        return sum(map(is_wanted, self.numbers))

    def await_accepted(self, least: int, run: Run | None = None) -> None:
        """Wait until so many different bodies were accepted; while the process runs, if one is given."""
        self.await_that(lambda counts: bool(counts["accepted_bodies"] >= least), run)

    def await_that(
        self, holds: Callable[[Counts], bool], run: Run | None = None, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until something holds of the sandbox's counts."""
        until = time.monotonic() + patience_seconds
        while not holds(counts := self.sandbox.summary()):
            assert time.monotonic() < until, f"{counts}; the log:\n{run.log[-3000:] if run else ''}"
            assert run is None or run.process.poll() is None, f"ended by itself:\n{run.log[-3000:]}"
            time.sleep(0.02)

    def await_log(self, text: str, run: Run) -> None:
        """Wait until the process has said something."""
        self.await_that(lambda _counts: text in run.log, run)

    def conclude(
        self,
        fired: int,
        *,
        copies_allowed: int | None = None,
        letters_allowed: Collection[str] = (),
        note: str = "",
    ) -> Verdict:
        """End everything, judge, print the scenario's line, and fail if anything is wrong.

        `fired` counts the faults that struck. Without `copies_allowed`, none for a run without kills, and for each kill
        what may have been in flight or answered in its last 50 ms.
        """
        verdict = self.judge(fired, note)
        bound = (
            len(self.killed_at_s) * (MAX_IN_FLIGHT + UNWRITTEN_ANSWERS) if copies_allowed is None else copies_allowed
        )
        assert fired > 0, "the fault did not fire"
        found = verdict.problems(copies_allowed=bound, letters_allowed=letters_allowed)
        assert not found, found
        return verdict

    def judge(self, fired: int, note: str = "") -> Verdict:
        """End everything, judge, and print the scenario's line."""
        for run in self.stream.runs:
            if run.process.poll() is None:
                run.kill()
        self.cleanup.close()
        verdict = judge(self.numbers, read_record(self.record), self._letters())
        given_up = {reason: count for reason, count in verdict.letters.items() if reason != "undecodable"}
        self.write_line(
            f"chaos {self.name:<34} seed {self.seed:<6} events {verdict.events:<7,} faults {fired:<6,} "
            f"lost {len(verdict.lost):<5,} twice {verdict.copies:<5,} {time.monotonic() - self.began:5.1f} s"
            + (f"  given up {given_up}" if given_up else "")
            + (f"  {note}" if note else "")
        )
        return verdict

    def _letters(self) -> list[Letter]:
        if self.letters_topic is None:
            directory = self.stream.directory / "letters"
            return [Letter(each.headers["reason"], each.value) for each in read_letters(directory)]
        return read_letters_topic(self.bootstrap, self.letters_topic)


def read_letters_topic(bootstrap: str, topic: str) -> list[Letter]:
    """Return every dead letter of a topic; nothing in it may have been removed."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "oracle", "auto.offset.reset": "earliest"})
    places = [TopicPartition(topic, each, 0) for each in consumer.list_topics(topic, 20).topics[topic].partitions]
    stored = sum(consumer.get_watermark_offsets(place, 20)[1] for place in places)
    consumer.assign(places)
    letters: list[Letter] = []
    while len(letters) < stored:
        message = consumer.poll(20)
        assert message is not None, f"{len(letters)} dead letters of {stored}"
        named = dict(message.headers() or [])
        letters.append(Letter(bytes(named["reason"] or b"").decode(), message.value() or b""))  # type: ignore[arg-type]  # headers come as bytes
    consumer.close()
    return letters


def cpu_seconds(run: Run) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{run.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(run: Run) -> int:
    """Return the memory that a process occupies."""
    pages = Path(f"/proc/{run.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
