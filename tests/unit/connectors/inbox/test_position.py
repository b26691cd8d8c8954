"""The position in an inbox: what is stored is read, also by later versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.inbox.position import FinalAbove, InboxPlace, ResumePosition, StoredPosition, read_position

NUMBERS = st.integers(0, 2**62)
GOLDEN: dict[StoredPosition, ResumePosition | None] = {
    ("inbox", 1, "inbox@0a1b2c3d", 17, 0, None): ResumePosition(InboxPlace("inbox@0a1b2c3d", 17)),
    ("inbox", 1, "inbox@0a1b2c3d", 17, 20, (30, (21, 25))): ResumePosition(
        InboxPlace("inbox@0a1b2c3d", 17), 20, FinalAbove(30, (21, 25))
    ),
    None: None,
}


@pytest.mark.parametrize(("stored", "position"), GOLDEN.items())
def test_what_a_version_has_stored_is_read(stored: StoredPosition, position: ResumePosition | None) -> None:
    assert read_position(stored) == position
    assert position is None or position.stored() == stored


@given(next_id=NUMBERS, border=NUMBERS, until=NUMBERS, pending=st.lists(NUMBERS, max_size=5))
def test_what_lies_ahead_is_stored_and_what_is_passed_is_not(
    next_id: int, border: int, until: int, pending: list[int]
) -> None:
    position = ResumePosition(InboxPlace("inbox@1", next_id), border, FinalAbove(until, tuple(pending)))
    found = read_position(position.stored())
    assert found is not None
    assert found.place == position.place
    assert found.border == (border if next_id < border else 0)
    assert found.final == (position.final if next_id < until else None)


def test_what_a_later_version_or_another_source_has_stored_is_refused() -> None:
    for stored in (("inbox", 2, "inbox@1", 1, 0, None), ("kafka", 2, 5, 0, "id", "topic", None)):
        with pytest.raises(ValueError, match="begin with an empty state directory"):
            read_position(stored)  # type: ignore[arg-type]
