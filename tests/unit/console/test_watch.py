"""The watch: slices are asked once for all who look, and not at all while nobody does."""

import asyncio
from collections.abc import Sequence

from flows.console.watch import Watch
from flows.observe.metrics.metric import COLLECTOR
from flows.operations.deliveries import Deliveries
from flows.operations.monitor import SliceAnswer
from tests.fixtures.console import collector_status, slice_status


class _Slices:
    """One slice that delivers ten events a second, a collector, and the clock of both."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[str] = []

    async def ask(self, urls: Sequence[str], name: str) -> list[SliceAnswer]:
        self.asked += urls
        await asyncio.sleep(0)
        if name == COLLECTOR:
            return [SliceAnswer(urls[0], self.now, collector_status())]
        status = slice_status()
        status["syncs"][0]["delivered"] = int(self.now * 10)
        return [SliceAnswer(each, self.now, status) for each in urls]

    def watch(self, collector: str | None = None) -> Watch:
        return Watch(["one"], collector, self.ask, lambda: self.now)


def test_all_who_look_at_the_same_time_cost_one_question() -> None:
    slices = _Slices()

    async def look() -> list[Deliveries]:
        watch = slices.watch()
        assert slices.asked == []
        found = await asyncio.gather(*(watch.deliveries() for _ in range(20)))
        slices.now += 1
        return [*found, await watch.deliveries()]

    found = asyncio.run(look())
    assert slices.asked == ["one", "one"]
    assert len({id(each) for each in found}) == 2


def test_rates_are_of_the_last_seconds_and_not_known_at_first() -> None:
    slices = _Slices()

    async def look() -> list[float | None]:
        watch, found = slices.watch(), []
        for _ in range(60):
            found.append((await watch.deliveries()).syncs[0].per_second)
            slices.now += 2
        assert len(watch._looks) < 10
        return found

    assert asyncio.run(look()) == [None, *[10.0] * 59]


def test_what_nobody_has_looked_at_for_long_has_no_rate() -> None:
    """An average over the night would be none of now."""
    slices = _Slices()

    async def look() -> float | None:
        watch = slices.watch()
        await watch.deliveries()
        slices.now += 3600
        return (await watch.deliveries()).syncs[0].per_second

    assert asyncio.run(look()) is None


def test_the_collector_is_asked_where_there_is_one() -> None:
    slices = _Slices()
    found = asyncio.run(slices.watch("way in").deliveries())
    assert sorted(slices.asked) == ["one", "way in"]
    assert found.collector is not None
    assert found.collector.taken == "1,234 events taken in, 3 of them invalid; 5 throttled"
