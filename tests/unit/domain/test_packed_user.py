"""A user at rest is the same user: what is packed comes back as it was."""

from typing import TYPE_CHECKING

import pytest

from flows.domain.packed_user import pack, unpack
from flows.domain.user_state import KEEPING_VERSION, STATE_VERSION, UserState

if TYPE_CHECKING:
    from flows.domain.device import DeviceState
    from flows.domain.kept_properties import Kept

NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize("partition", [None, 0, 7])
@pytest.mark.parametrize("first_seen", [{}, {"1700000000000-0000001": NOW_MS}])
@pytest.mark.parametrize("properties", [{}, {"plan": (NOW_MS, "pro"), "tags": (1, ["a", 10**30]), "gone": (2, None)}])
def test_everything_comes_back(first_seen: dict[str, int], partition: int | None, properties: "Kept") -> None:
    """Installs' times, insert ids and kept properties among it."""
    devices: dict[str, DeviceState] = {
        "ad": (1, 2, ("app_set_id",), ((1, "x"),), (7,)),
        "i": (3, 4, ("idfa", "att"), ("X", 3), NOW_MS),
    }
    version = KEEPING_VERSION if properties else STATE_VERSION
    state = UserState(version, devices, b"12345678", first_seen, (), 9, properties)
    assert unpack(pack(state, partition)) == (state, partition)
