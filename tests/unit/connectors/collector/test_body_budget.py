"""The budget of bodies: no more bytes than it has, first come first served, and nothing is kept by who gave up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.body_budget import BodyBudget
from tests.fixtures.examples import examples


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 5))


def test_who_does_not_fit_waits_until_there_is_room() -> None:
    async def test() -> None:
        budget = BodyBudget(100)
        await budget.take(60)
        large, small = asyncio.ensure_future(budget.take(50)), asyncio.ensure_future(budget.take(10))
        await asyncio.sleep(0)
        assert (large.done(), small.done()) == (False, False)  # the small one does not overtake
        budget.give_back(60)
        await asyncio.gather(large, small)
        assert budget.taken_bytes == 60

    _run(test())


def test_one_that_is_larger_than_all_has_it_alone() -> None:
    async def test() -> None:
        budget = BodyBudget(100)
        await budget.take(500)
        waiting = asyncio.ensure_future(budget.take(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.give_back(500)
        await waiting

    _run(test())


def test_who_gives_up_keeps_nothing_and_holds_up_nobody() -> None:
    async def test() -> None:
        budget = BodyBudget(100)
        await budget.take(100)
        gives_up, waits = asyncio.ensure_future(budget.take(90)), asyncio.ensure_future(budget.take(20))
        await asyncio.sleep(0)
        budget.give_back(50)
        gives_up.cancel()
        await waits
        assert budget.taken_bytes == 70

    _run(test())


def test_what_is_given_in_the_moment_of_giving_up_is_given_back() -> None:
    async def test() -> None:
        budget = BodyBudget(100)
        await budget.take(100)
        gives_up = asyncio.ensure_future(budget.take(100))
        await asyncio.sleep(0)
        budget.give_back(100)
        gives_up.cancel()
        await asyncio.gather(gives_up, return_exceptions=True)
        assert budget.taken_bytes == 0

    _run(test())


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=30))
@examples(100)
def test_all_comes_back(takes: list[tuple[int, bool]]) -> None:
    """Whoever takes, gives up, or gives back, in whatever order."""

    async def test() -> None:
        budget = BodyBudget(60)

        async def use(size: int) -> None:
            await budget.take(size)
            try:
                assert budget.taken_bytes <= 60
                await asyncio.sleep(0)
            finally:
                budget.give_back(size)

        tasks = [(asyncio.ensure_future(use(size)), gives_up) for size, gives_up in takes]
        await asyncio.sleep(0)
        for task, gives_up in tasks:
            if gives_up and not task.done():
                task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True)
        assert budget.taken_bytes == 0

    _run(test())
