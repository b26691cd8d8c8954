"""The sampler: asks everything how it fares, once a second."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.tools.load.answers import AnswerLog
from tests.tools.load.broker import Broker
from tests.tools.load.endpoint import Endpoint
from tests.tools.load.latencies import percentile
from tests.tools.load.latency_watch import LatencyWatch
from tests.tools.load.meter import Machine, Meter
from tests.tools.load.produced import Produced
from tests.tools.load.sample import Sample, SliceSample
from tests.tools.load.stream import Stream


class Sampler:
    """Makes samples of one run."""

    def __init__(
        self, stream: Stream, endpoint: Endpoint, broker: Broker, generator_pid: int, produced: Produced, log: AnswerLog
    ) -> None:
        self._stream = stream
        self._produced = produced
        self._log = log
        self._slices = [Meter([child.pid]) for child in stream.children]
        self._generator = Meter([generator_pid])
        self._endpoint = Meter(endpoint.pids)
        self._broker = Meter([broker.pid]) if broker.pid is not None else None
        self._machine = Machine()
        self.watch = LatencyWatch(produced)

    def take_answers(self) -> Counter[int]:
        """Return the latencies of what was answered since the last look."""
        return self.watch.take(self._log.read())

    def sample(self) -> tuple[Sample, Counter[int]]:
        """Return a sample, and the latencies of what was answered since the last one."""
        statuses = self._stream.statuses()
        fresh = self.take_answers()
        produced = self._produced
        begun_ms = produced.begun_ms or time.time() * 1000
        sample = Sample(
            at_s=time.time() - begun_ms / 1000,
            taken=produced.taken,
            behind=produced.behind,
            answered=self.watch.answered,
            latency_ms=(percentile(fresh, 0.5), percentile(fresh, 0.99)),
            slices=tuple(
                SliceSample.of(answer.status, meter.look())
                for answer, meter in zip(statuses, self._slices, strict=True)
            ),
            generator=self._generator.look(),
            endpoint=self._endpoint.look(),
            broker=self._broker.look() if self._broker is not None else None,
            machine=self._machine.look(),
        )
        return sample, fresh


@contextmanager
def sampling(
    stream: Stream, endpoint: Endpoint, broker: Broker, generator_pid: int, produced: Produced
) -> Iterator[Sampler]:
    """Return a sampler whose logs are closed in the end."""
    with AnswerLog(endpoint.logs) as log:
        yield Sampler(stream, endpoint, broker, generator_pid, produced, log)
