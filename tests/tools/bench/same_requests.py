"""The same requests: every forwarder sends what the stream's own steps make of the traffic, each once.

This keeps the comparison fair: nobody is measured who filters or maps otherwise, leaves an event out or repeats one.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from rich.console import Console

from tests.tools.bench import bodies, traffic
from tests.tools.bench.contestants import Contestant
from tests.tools.bench.endpoint import BODIES
from tests.tools.bench.measure import ContestantError, collect
from tests.tools.bench.workplace import Workplace, ready

EVENTS: Final = 2000


def check(field: Sequence[Contestant], users: int, console: Console) -> None:
    """Run every forwarder on a little traffic. Raises ContestantError where one differs."""
    shape = traffic.Shape(EVENTS, users)
    with ready(shape, console, log=BODIES) as place:
        wanted = _canonical(
            (f"/inappevent/{request.app_id}", request.body) for request in bodies.requests(shape, place.topic.last)
        )
        for contestant in field:
            if not contestant.is_limit:
                _compare(contestant, place, wanted)


def _compare(contestant: Contestant, place: Workplace, wanted: Counter[bytes]) -> None:
    task = place.progress.add_task(f"the same requests? {contestant.title}", total=None)
    job = place.job(f"{contestant.name}-{uuid.uuid4().hex[:8]}")
    lines = collect(contestant.launches(job), job.directory / "processes", job.endpoint, job.topic.selected)
    contestant.check(job)
    place.progress.remove_task(task)
    sent = _canonical((path, body.encode()) for _, _, path, body in (line.split(" ", 3) for line in lines))
    missing, more = wanted - sent, sent - wanted
    if missing or more:
        raise ContestantError(
            f"{contestant.title} does not send what it should: {missing.total()} of {wanted.total()} requests are "
            f"missing and {more.total()} are others, such as {next(iter(missing), b'')!r} and {next(iter(more), b'')!r}"
        )


def _canonical(requests: Iterable[tuple[str, bytes]]) -> Counter[bytes]:
    """Return the requests without what does not matter: the order of members."""
    found: Counter[bytes] = Counter()
    for path, body in requests:
        content = orjson.loads(body)
        content["eventValue"] = orjson.loads(content["eventValue"] or "{}")
        found[orjson.dumps([path, content], option=orjson.OPT_SORT_KEYS)] += 1
    return found
