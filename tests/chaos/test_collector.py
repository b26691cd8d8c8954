"""The way in, killed: what a client was told is taken arrives, whatever was killed and when."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable

import psutil
import pytest

from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS
from tests.fixtures.posting import Posting
from tests.fixtures.serving import API_KEY, Serving
from tests.fixtures.stream import Identity

pytestmark = pytest.mark.chaos
_CLIENTS = 4


@pytest.mark.timeout(600)
def test_no_event_that_was_answered_200_is_lost(
    serving: Serving, adds_up: Identity, seed: int, write_line: Callable[[str], None]
) -> None:
    """`kill -9` of the collector (and the stream with it) or of the stream alone, at random moments, under load.

    An event that was not answered is delivered at most as often as its client sent it, beyond what a crash of the
    stream may send twice.
    """
    kills = min(int(os.environ.get("CHAOS_KILLS", "15")), 15)
    chance = random.Random(seed)
    serving.configure(delivery={"endpoint": serving.sandbox.url, "max_in_flight": MAX_IN_FLIGHT})
    run = serving.start()
    stream_kills = 0
    with Posting(serving.port, API_KEY, _CLIENTS, seed=seed).running() as posting:
        for _ in range(kills):
            posting.wait_for(100, also=lambda: len(serving.delivered()) > 0)
            time.sleep(chance.uniform(0, 0.5))
            children = psutil.Process(run.process.pid).children()
            stream_kills += 1
            if chance.random() < 0.5 and children:
                children[0].kill()
            else:
                run.kill()
                run = serving.start()
        posting.wait_for(500)
    assert len(posting.taken) >= 1000, "too few passed to say anything"
    assert len(serving.sandbox.requests) < 10_000, "the stand-in has forgotten some; it would look like a loss"
    serving.wait_until(lambda: posting.taken <= set(serving.delivered()))
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    times = Counter(serving.delivered())
    assert times.keys() <= posting.sent.keys()
    copies = times.total() - len(times)
    write_line(
        f"chaos the way in is killed              seed {seed:<6} events {len(posting.taken):,}  kills {kills}  "
        f"lost {len(posting.taken - times.keys())}  twice {copies}"
    )
    assert copies <= stream_kills * (MAX_IN_FLIGHT + UNWRITTEN_ANSWERS)
