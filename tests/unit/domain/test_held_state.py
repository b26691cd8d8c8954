"""What is stored of events that wait: by the time for which the source was read."""

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.held_state import current_state, shifted
from flows.domain.user_state import KEEPING_VERSION, STATE_VERSION, UserState

times = st.integers(0, 10**9)


def state_of(version: int, until_ms: int, *, settling: bool, touched_s: int = 0) -> UserState:
    held = (b"{}", b"key", 1, ("events", 3, 2, 0), (("one", 0, "open"),), until_ms, settling)
    return UserState(version, {}, b"", {}, (held,), touched_s)


@given(times, times, times, times)
def test_between_counts_of_reading_what_is_left_stays(
    until_ms: int, before_ms: int, after_ms: int, more_ms: int
) -> None:
    """As when slices are dealt out anew, each of which has its own count."""
    until_ms += before_ms
    moved = shifted(state_of(STATE_VERSION, until_ms, settling=False), after_ms - before_ms)
    assert moved.held[0][5] - after_ms == until_ms - before_ms  # type: ignore[operator]  # a number
    assert shifted(moved, more_ms).held[0][:5] == moved.held[0][:5]


@given(times, times, times)
def test_version_1_has_what_was_left_when_the_user_was_last_heard_of(
    touched_s: int, left_ms: int, read_ms: int
) -> None:
    """It stored the wall clock's time."""
    old = state_of(1, touched_s * 1000 + left_ms, settling=False, touched_s=touched_s)
    new = current_state(old, read_ms)
    assert new.version == STATE_VERSION
    assert new.held[0][5] == read_ms + left_ms
    assert current_state(new, read_ms + 1) is new


@given(times, times)
def test_what_settles_goes_by_the_wall_clock(until_ms: int, read_ms: int) -> None:
    """In every version, and whatever was read."""
    for version in (1, STATE_VERSION):
        state = state_of(version, until_ms, settling=True)
        assert shifted(current_state(state, read_ms), -read_ms).held == state.held


@given(times, times)
def test_the_properties_behind_an_event_stay_with_it(until_ms: int, shift_ms: int) -> None:
    """Between counts of reading; and without any, it is stored as version 2 stores it."""
    state = state_of(KEEPING_VERSION, until_ms, settling=False)
    behind = {"plan": "pro"}
    moved = shifted(state._replace(held=((*state.held[0], behind),)), shift_ms)
    assert moved.held[0][7] == behind
    assert len(shifted(state, shift_ms).held[0]) == len(state.held[0])
