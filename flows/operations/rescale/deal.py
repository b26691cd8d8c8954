"""Deals what old slices have stored out to new ones: by the Kafka partition that it comes from.

A start of the new slices goes on exactly where a start of the old ones would have: at the same offsets, with the same
users, events that wait and unfinished deliveries, and with the journal of what was delivered.
"""

import pickle
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.delivery.delivery import Attempts
from connectors.delivery.items import unpack
from connectors.delivery.sink import PART
from connectors.state.damage import SEND_AGAIN, DamagedStateError
from connectors.state.engine_store import NewStore, StoredStep, check_store, read_store, stored_snapshot
from connectors.state.journal import Journal
from connectors.state.journal_segment import read_segment
from connectors.state.layout import Layout, Slices
from connectors.state.manifest import Manifest, check_listed, read_listed
from connectors.state.plain import load_plain
from connectors.state.spill import Spill
from connectors.state.step_states import SINK, SOURCE, USERS, WINDOW, ShardState, SinkState, unpacked_window
from connectors.state.user_segments import StoredUser, read_log, write_log
from connectors.state.user_table import UserTable
from flows.domain.event import Position
from flows.domain.held_state import current_state, held_events, shifted
from flows.domain.merging import merge_users
from flows.domain.stored_user import read_user, stored_user
from flows.operators.user_store import shard_of

_FLUSH_FATES: Final = 10_000

PackedItem = tuple[StoredUser, StoredUser]
"""(item, attempts), as the sink's snapshot holds them."""


class StateError(Exception):
    """What is stored is not what this version can deal out; the message says why, and what to do."""


@dataclass(slots=True)
class Dealt:
    """What was dealt out."""

    users: int = 0
    held: int = 0
    outbox: int = 0
    fates: int = 0
    partitions: set[int] = field(default_factory=set)


class NewSlice:
    """The state of one new slice while it is written. `close` ends it."""

    def __init__(self, layout: Layout) -> None:
        """Begin. Raises OSError, StoreError."""
        layout.path.mkdir(parents=True)
        self._layout = layout
        self.store = NewStore(layout.recovery)
        self._users = UserTable(layout.path / "users.sqlite3")  # /tmp may be small
        self.journal = Journal(layout.journal)
        self._fates = 0
        self.items: list[PackedItem] = []
        """What is to be delivered."""
        self._spills: dict[str, Spill] = {}

    def add_user(self, key: str, state: StoredUser) -> None:
        """Add what is known of a user; to what another slice knew of them, too."""
        self._users.add(key, shard_of(key), state, _merge)

    def add_set_aside(self, lane: str, item: PackedItem) -> None:
        """Add what was set aside on the disk."""
        spill = self._spills.get(lane)
        if spill is None:
            spill = self._spills[lane] = Spill(self._layout.spill(lane))
        spill.append(item)

    def add_fate(self, position: Position, sync: str | None, copy: int, fate: str) -> None:
        """Add what was brought to its end."""
        self.journal.record((position, sync, copy), fate)
        self._fates += 1
        if self._fates % _FLUSH_FATES == 0:
            self.journal.flush()

    def close(self) -> None:
        """Write the rest."""
        marks = {lane: spill.mark() for lane, spill in self._spills.items()}
        self.store.put(SINK, PART, SinkState(self.items, marks, None).packed())
        for shard in self._users.shards():
            generation = write_log(self._layout.user_log(shard), self._users.of_shard(shard))
            self.store.put(USERS, shard, ShardState(shard, generation).packed())
        self._users.close()
        for spill in self._spills.values():
            spill.close()
        self.journal.close()
        self.store.close()


class Dealer:
    """Deals `before` slices out to `after`."""

    def __init__(self, slices: Slices, before: int, after: int) -> None:
        self._slices = slices
        self._before = before
        self._after = after
        self._new: Sequence[NewSlice] = ()
        self._dealt = Dealt()

    def deal(self) -> Dealt:
        """Write the new slices' state where it is staged. Raises StateError, OSError, StoreError."""
        dealt = self._dealt
        try:
            with ExitStack() as stack:
                staged = [self._slices.staged(each, self._after) for each in range(self._after)]
                self._new = [stack.enter_context(closing(NewSlice(each))) for each in staged]
                for index in range(self._before):
                    self._deal_slice(index, self._slices.of(index, self._before))
        except (DamagedStateError, ValueError) as problem:
            raise StateError(str(problem)) from problem
        if dealt.partitions and self._after > len(dealt.partitions):
            raise StateError(
                f"the topic has {len(dealt.partitions)} partitions, so {self._after} slices are too many; "
                f"at most {len(dealt.partitions)} have something to read"
            )
        return dealt

    def _deal_slice(self, index: int, layout: Layout) -> None:
        _check(layout)
        for stored in read_store(layout.recovery):
            if stored.step == SOURCE:
                self._deal_partition(index, stored)
            elif stored.step == USERS:
                self._deal_users(layout, ShardState.unpacked(stored.state))
            elif stored.step == WINDOW:
                self._deal_items((item, tuple(Attempts())) for item in unpacked_window(stored.state))
            elif stored.step == SINK:
                sink = SinkState.unpacked(stored.state)
                self._deal_items(sink.items)
                self._deal_spills(layout, sink)
            else:
                raise StateError(f"{layout.path}: it holds a step {stored.step!r}, which this version does not know")
        for segment in layout.segments:
            for source, partition, offset, place, sync, copy, fate in read_segment(segment):
                self._of(partition).add_fate(Position(source, partition, offset, place), sync, copy, fate)
                self._dealt.fates += 1

    def _of(self, partition: int) -> NewSlice:
        return self._new[partition % self._after]

    def _of_item(self, item: StoredUser) -> NewSlice:
        self._dealt.outbox += 1
        return self._of(unpack(item).position.partition)

    def _deal_partition(self, index: int, stored: StoredStep) -> None:
        partition = int(stored.key.rpartition("/")[2])
        if partition % self._before != index:
            raise StateError(
                f"slice {index} of {self._before} has read partition {partition}, which was another's to read"
            )
        self._dealt.partitions.add(partition)
        if stored.state is not None:
            self._of(partition).store.put(SOURCE, stored.key, stored.state)

    def _deal_users(self, layout: Layout, shard: ShardState) -> None:
        newest: dict[str, bytes] = {}

        def take(key: str, state: StoredUser | None) -> None:
            if state is None:
                newest.pop(key, None)
            else:
                newest[key] = pickle.dumps(state)

        read_log(layout.user_log(shard.shard), shard.generation, take)
        for key, pickled in newest.items():
            self._deal_user(key, load_plain(pickled), shard.read_ms)

    def _deal_user(self, key: str, stored: StoredUser, read_ms: int) -> None:
        """Give a user to the slice of the partition that they were heard of in, and each held event to its own.

        Each slice counts its own time of reading, and the new ones begin at 0: what waits keeps the time that is left.
        """
        state, partition = read_user(stored)
        state = shifted(current_state(state, read_ms), -read_ms)
        self._dealt.users += 1
        self._dealt.held += len(state.held)
        homes = range(self._after) if partition is None else [partition % self._after]
        held: dict[int, list[tuple[Any, ...]]] = {home: [] for home in homes}
        for each in held_events(state):
            held.setdefault(Position(*each.place).partition % self._after, []).append(each.stored())
        for home, waiting in held.items():
            self._new[home].add_user(key, stored_user(key, state._replace(held=tuple(waiting)), partition))

    def _deal_items(self, items: Iterable[PackedItem]) -> None:
        for item in items:
            self._of_item(item[0]).items.append(item)

    def _deal_spills(self, layout: Layout, sink: SinkState) -> None:
        for lane, mark in sink.marks.items():
            with closing(Spill(layout.spill(lane), mark)) as spill:
                for item, attempts in spill.peek():
                    self._of_item(item).add_set_aside(lane, (item, attempts))


def _merge(one: StoredUser, other: StoredUser) -> StoredUser:
    (state, partition), (added, _) = read_user(one), read_user(other)
    return stored_user(one[-2], merge_users(state, added), partition)


def _check(layout: Layout) -> None:
    """Check whether a slice's state is what a start would go on from. Raises DamagedStateError, OSError, StoreError."""
    check_store(layout.recovery)
    files = Manifest(layout.path, stored_snapshot(read_store(layout.recovery))).files
    check_listed(layout.journal, layout.segments, files, SEND_AGAIN)
    for segment in layout.segments:
        read_listed(segment, files, SEND_AGAIN)
