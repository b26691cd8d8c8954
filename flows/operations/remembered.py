"""What a stream remembers of its users, read from its state directory by another process, while it runs or after."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from connectors.state.engine_store import read_store
from connectors.state.layout import Layout, layouts_of_slices
from connectors.state.step_states import USERS, ShardState
from connectors.state.user_segments import StoredUser, UserLogError, read_log
from flows.domain.logins import Logins
from flows.domain.packed_user import pack, unpack
from flows.domain.stored_user import read_user
from flows.domain.user_state import UserState

_TRIES: Final = 5


class NothingRememberedError(Exception):
    """There is no recovery store; the message says where it was looked for."""


class Remembered:
    """Everybody whom the slices below a state directory remember: one, or one for each slice."""

    def __init__(self, directory: Path) -> None:
        """Read it.

        Raises NothingRememberedError, DamagedStateError, StoreError, or ValueError where another version wrote it.
        """
        stores = [layout for layout in layouts_of_slices(directory) if layout.has_store]
        if not stores:
            raise NothingRememberedError(f"no recovery store below {directory}; it is made by `python -m flows run`")
        self._packed: dict[str, bytes] = {}
        for store in stores:
            for key, packed in _read_while_written(store).items():
                other = self._packed.get(key)  # as where a topic is not keyed by user
                if other is None or unpack(other)[0].touched_s < unpack(packed)[0].touched_s:
                    self._packed[key] = packed

    def tell(self, logins: Logins) -> None:
        """Tell who is known on which device."""
        for key, packed in self._packed.items():
            state, _ = unpack(packed)
            logins.restore(key, state.devices, state.properties)

    def user(self, key: str) -> UserState | None:
        """Return the newest stored state of a user, without the events that wait, or None."""
        packed = self._packed.get(key)
        return None if packed is None else unpack(packed)[0]


def _read_while_written(layout: Layout) -> dict[str, bytes]:
    for _ in range(_TRIES - 1):
        with suppress(FileNotFoundError, UserLogError):  # a running stream may just have written its log anew
            return _read(layout)
    return _read(layout)


def _read(layout: Layout) -> dict[str, bytes]:
    everybody: dict[str, bytes] = {}

    def take(key: str, stored: StoredUser | None) -> None:
        if stored is None:
            everybody.pop(key, None)
        else:
            state, partition = read_user(stored)
            everybody[key] = pack(state._replace(held=()), partition)

    for step, _, state in read_store(layout.recovery):
        if step == USERS:
            shard = ShardState.unpacked(state)
            read_log(layout.user_log(shard.shard), shard.generation, take)
    return everybody
