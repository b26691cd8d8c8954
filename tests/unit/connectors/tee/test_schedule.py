"""Copies of one user go in their order, copies of others meanwhile; who waits again and again lets others pass."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from connectors.tee.schedule import Schedule, WaitingCopy


def _copy(number: int, *keys: int) -> WaitingCopy:
    return WaitingCopy(number, 0, 1, 100, keys)


def test_copies_of_others_go_while_one_waits_and_those_of_the_same_user_do_not() -> None:
    schedule = Schedule()
    first, same, other = _copy(1, 7), _copy(2, 8, 7), _copy(3, 9)
    for each in (first, same, other):
        schedule.add(each)
    assert schedule.next(0) is first
    assert schedule.next(0) is other
    assert schedule.next(0) is None
    schedule.wait(first, 30)
    assert schedule.next(29) is None
    assert schedule.next_due_s == 30
    assert schedule.next(30) is first
    schedule.done(first)
    assert schedule.next(30) is same


def test_who_waits_again_lets_those_behind_pass() -> None:
    schedule = Schedule()
    first, same = _copy(1, 7), _copy(2, 7)
    schedule.add(first)
    schedule.add(same)
    assert schedule.next(0) is first
    schedule.let_pass(first)
    schedule.wait(first, 30)
    assert schedule.next(0) is same
    schedule.done(same)
    assert schedule.next(30) is first
    schedule.done(first)
    assert (len(schedule), schedule.keys) == (0, 0)


def test_after_some_failures_others_are_tried_before() -> None:
    """It may be one copy alone that fails; who finds out whether Amplitude is there again is then another."""
    schedule = Schedule()
    first, second = _copy(1, 7), _copy(2, 8)
    schedule.add(first)
    schedule.add(second)
    tried = []
    for _ in range(4):
        copy = schedule.next(0)
        assert copy is not None
        tried.append(copy.id)
        copy.failures += 1
        schedule.wait(copy, 0)
    assert tried == [1, 1, 1, 2]


@given(st.lists(st.tuples(st.sets(st.integers(0, 5), max_size=3), st.integers(0, 3)), max_size=25), st.data())
def test_each_copy_is_done_once_and_never_before_another_of_its_user(
    copies: list[tuple[set[int], int]], data: st.DataObject
) -> None:
    schedule = Schedule()
    waits = {}
    for number, (keys, wait) in enumerate(copies, start=1):
        schedule.add(_copy(number, *keys))
        waits[number] = wait
    sending: list[WaitingCopy] = []
    done: list[WaitingCopy] = []
    now_s = 0.0
    while len(schedule):
        while copy := schedule.next(now_s):
            sending.append(copy)
        if not sending:
            assert schedule.next_due_s is not None
            now_s = schedule.next_due_s
            continue
        assert len({key for each in sending for key in each.keys}) == sum(len(each.keys) for each in sending)
        copy = sending.pop(data.draw(st.integers(0, len(sending) - 1)))
        if waits[copy.id]:
            waits[copy.id] -= 1
            schedule.wait(copy, now_s + data.draw(st.integers(0, 5)))
        else:
            done.append(copy)
            schedule.done(copy)
    assert sorted(each.id for each in done) == sorted(waits)
    order = defaultdict(list)
    for each in done:
        for key in copies[each.id - 1][0]:
            order[key].append(each.id)
    assert all(ids == sorted(ids) for ids in order.values())
    assert schedule.keys == 0
