"""A user at rest is the same user: what is packed comes back as it was."""

from typing import TYPE_CHECKING

import pytest

from flows.domain.packed_user import pack, unpack
from flows.domain.user_state import STATE_VERSION, UserState

if TYPE_CHECKING:
    from flows.domain.device import DeviceState

NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize("partition", [None, 0, 7])
@pytest.mark.parametrize("first_seen", [{}, {"1700000000000-0000001": NOW_MS}])
def test_everything_comes_back(first_seen: dict[str, int], partition: int | None) -> None:
    """Installs' times and insert ids among it."""
    devices: dict[str, DeviceState] = {
        "ad": (1, 2, ("app_set_id",), ((1, "x"),), (7,)),
        "i": (3, 4, ("idfa", "att"), ("X", 3), NOW_MS),
    }
    state = UserState(STATE_VERSION, devices, b"12345678", first_seen, (), 9)
    assert unpack(pack(state, partition)) == (state, partition)
