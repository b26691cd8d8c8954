"""A level's steps, and what refusals put them off by."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.level import ANSWERS_PER_REFUSAL, SHORT, Level


def a_level(value: float = 20.0, highest: float = 64.0) -> Level:
    return Level(value, 1, highest, step=SHORT, largest_step=1.0, smallest_step=1)


def owed(level: Level) -> int:
    """Return at how many answers it may go up."""
    return next(answers for answers in range(100_000) if level.may_raise(answers))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 2000)), max_size=20))
def test_a_further_refusal_never_brings_the_next_step_nearer(refusals: list[tuple[int, int]]) -> None:
    """Though the most that is to be waited for may have become less in between."""
    level = a_level()
    answers = before = 0
    for more_answers, most in refusals:
        answers += more_answers
        level.owe(answers, most)
        assert owed(level) >= before
        assert owed(level) <= max(before, answers + most)
        before = owed(level)


def test_each_refusal_is_a_hundred_answers() -> None:
    level = a_level()
    for _ in range(3):
        level.owe(50, 2000)
    assert owed(level) == 50 + 3 * ANSWERS_PER_REFUSAL


def test_steps_grow_while_they_are_clean_and_one_that_is_not_is_taken_back() -> None:
    level = a_level()
    seen = []
    for _ in range(4):
        level.raise_()
        level.settle()
        seen.append(level.value)
    assert seen == sorted(seen)
    level.raise_()
    level.retreat()
    assert level.value == seen[-1]
    level.raise_()
    assert level.value == seen[-1] + 1


def test_it_stays_within_its_bounds() -> None:
    level = a_level(highest=21.0)
    level.raise_()
    assert level.value == 21.0
    assert not level.may_raise(1_000_000)
    level.lower_to(0.0)
    assert level.value == 1
