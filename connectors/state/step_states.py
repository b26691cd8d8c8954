"""Step states: the names under which the engine stores the stream's steps, and what each step stores.

A state is of builtins, since a class would tie what is stored to the place of its module. The numbers of a version are
read as long as a release wrote them: 0.1.0 wrote version 1 of a shard and of the sink, 0.2.0 their present ones.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

from connectors.state.manifest import Snapshot
from connectors.state.spill import SpillMark

SOURCE: Final = "stream.source"
USERS: Final = "stream.identify"
WINDOW: Final = "stream.window"
SINK: Final = "stream.deliver"
REKEY_SOURCE: Final = "rekey.source"
ANY_SINK: Final = ".deliver"
ANY_USERS: Final = ".identify"
ANY_WINDOW: Final = ".window"
"""The ends of their names in every flow."""

_KIND: Final = "users"
_SHARD_VERSION: Final = 2
_WINDOW_VERSION: Final = 1
_SINK_VERSION: Final = 3
_READ: Final = {USERS: (1, _SHARD_VERSION), WINDOW: (_WINDOW_VERSION,), SINK: (1, _SINK_VERSION)}

State = tuple[Any, ...]
"""What a step stores under a key, of builtins."""


class ShardState(NamedTuple):
    """A shard of users: up to which generation of its log they are."""

    shard: str
    generation: int
    read_ms: int = 0
    """For how long the source had been read; 0.1.0 did not store it."""

    def packed(self) -> State:
        """Return it as it is stored."""
        return (_KIND, _SHARD_VERSION, *self)

    @classmethod
    def unpacked(cls, state: State) -> Self:
        """Return what was stored. Raises ValueError where another version did."""
        kind, version, *values = state
        _check(USERS, version if kind == _KIND else None)
        return cls(*values)


class SinkState(NamedTuple):
    """The deliveries that are not final yet."""

    items: Sequence[tuple[State, State]]
    """(item, attempts)"""
    marks: dict[str, SpillMark]
    """Lane → where its spill stands."""
    snapshot: Snapshot | None
    """None as 0.1.0 stored it, or where nothing has run on the state yet."""

    def packed(self) -> State:
        """Return it as it is stored."""
        return (_SINK_VERSION, self.items, self.marks, self.snapshot and tuple(self.snapshot))

    @classmethod
    def unpacked(cls, state: State) -> Self:
        """Return what was stored. Raises ValueError where another version did."""
        version, items, marks, *snapshot = state
        _check(SINK, version)
        return cls(items, marks, Snapshot(*snapshot[0]) if snapshot and snapshot[0] is not None else None)


def packed_window(items: Sequence[State]) -> State:
    """Return the items of a window as they are stored."""
    return (_WINDOW_VERSION, items)


def unpacked_window(state: State) -> Sequence[State]:
    """Return the items that a window stored. Raises ValueError where another version did."""
    version, items = state
    _check(WINDOW, version)
    return items  # type: ignore[no-any-return]  # its version says what it is


def _check(step: str, version: Any) -> None:
    if version not in _READ[step]:
        raise ValueError(
            f"the recovery store holds a state of {step} as another version stores it; go on with the program that "
            "wrote it, or start with a new state directory, from the group's committed offsets"
        )
