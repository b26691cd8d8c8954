"""Deals what old slices have stored out to new ones: by the Kafka partition that it comes from.

A start of the new slices goes on exactly where a start of the old ones would have: at the same offsets, with the same
users, events that wait and unfinished deliveries, and with the journal of what was delivered.
"""

import pickle
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from connectors.delivery import outbox
from connectors.delivery.delivery import Attempts
from connectors.delivery.items import unpack
from connectors.delivery.sink import PART
from connectors.state.damage import SEND_AGAIN, DamagedStateError
from connectors.state.engine_store import SOURCE_STEP, NewStore, Stored, read_store, stored_snapshot
from connectors.state.engine_store_check import check_store
from connectors.state.journal import Journal, read_segment
from connectors.state.layout import Places
from connectors.state.manifest import Manifest, check_listed, read_listed
from connectors.state.plain import load_plain
from connectors.state.spill import Spill
from connectors.state.user_segments import State, UserLogError, read_log, write_log
from flows.domain.event import Position
from flows.domain.held_state import READ_VERSIONS, current_state, shifted
from flows.domain.merging import merge_users
from flows.domain.user import STATE_VERSION, UserState
from flows.operators import window
from flows.operators.user_store import GENERATION_VERSION, KIND, READ_GENERATIONS, shard_of

_USERS, _WINDOW, _SINK = "stream.identify", "stream.window", "stream.deliver"
_FIELDS: Final = len(UserState._fields)
_FLUSH_FATES: Final = 10_000

PackedItem = tuple[tuple[Any, ...], tuple[Any, ...]]
"""(item, attempts), as the sink's snapshot holds them."""


class StateError(Exception):
    """What is stored is not what this version can deal out; the message says why, and what to do."""


class NewSlice:
    """The state of one new slice while it is written. `close` ends it."""

    def __init__(self, directory: Path) -> None:
        """Begin. Raises OSError."""
        directory.mkdir(parents=True)
        self._directory = directory
        self.store = NewStore(directory / "recovery")
        self._users = sqlite3.connect(directory / "users.sqlite3", isolation_level=None)  # /tmp may be small
        self._users.execute("PRAGMA journal_mode = OFF")
        self._users.execute("PRAGMA synchronous = OFF")
        self._users.execute("CREATE TABLE users (key TEXT PRIMARY KEY, bucket TEXT, state BLOB) WITHOUT ROWID")
        self._users.execute("BEGIN")
        self.journal = Journal(directory / "journal")
        self._fates = 0
        self._items: list[PackedItem] = []
        self._spills: dict[str, Spill] = {}

    def add_user(self, key: str, state: UserState, added: tuple[Any, ...]) -> None:
        """Add what is known of a user; to what another slice knew of them, too."""
        there = self._users.execute("SELECT state FROM users WHERE key = ?", (key,)).fetchone()
        if there is not None:
            state = merge_users(UserState(*load_plain(there[0])[:_FIELDS]), state)
        row = (key, shard_of(key), pickle.dumps((*state, *added)))
        self._users.execute("INSERT OR REPLACE INTO users VALUES (?, ?, ?)", row)

    def add_item(self, item: PackedItem) -> None:
        """Add what was to be delivered."""
        self._items.append(item)

    def add_set_aside(self, lane: str, item: PackedItem) -> None:
        """Add what was set aside on the disk."""
        spill = self._spills.get(lane)
        if spill is None:
            spill = self._spills[lane] = Spill(self._directory / "overflow" / quote(lane, safe=""))
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
        self.store.put(_SINK, PART, pickle.dumps((outbox.STATE_VERSION, self._items, marks, None)))
        self._write_users()
        for spill in self._spills.values():
            spill.close()
        self.journal.close()
        self.store.close()

    def _write_users(self) -> None:
        for (shard,) in self._users.execute("SELECT DISTINCT bucket FROM users").fetchall():
            rows = self._users.execute("SELECT key, state FROM users WHERE bucket = ?", (shard,))
            records = ((key, load_plain(state)) for key, state in rows)
            generation = write_log(self._directory / "users" / shard, records)
            self.store.put(_USERS, shard, pickle.dumps((KIND, GENERATION_VERSION, shard, generation, 0)))
        self._users.close()
        (self._directory / "users.sqlite3").unlink()


class Dealer:
    """Deals `before` slices out to `after`. Counts what it deals, for a person to read."""

    def __init__(self, places: Places, before: int, after: int) -> None:
        self._places = places
        self._before = before
        self._after = after
        self.users = self.held = self.outbox = self.fates = 0
        self.partitions: set[int] = set()

    def deal(self) -> None:
        """Write the new slices' state where it is staged. Raises StateError, OSError, sqlite3.Error."""
        with ExitStack() as stack:
            new = [
                stack.enter_context(closing(NewSlice(self._places.staged(each, self._after))))
                for each in range(self._after)
            ]
            for index in range(self._before):
                self._deal_slice(index, new)
        if self.partitions and self._after > len(self.partitions):
            raise StateError(
                f"the topic has {len(self.partitions)} partitions, so {self._after} slices are too many; "
                f"at most {len(self.partitions)} have something to read"
            )

    def _deal_slice(self, index: int, new: Sequence[NewSlice]) -> None:
        directory = self._places.slice(index, self._before)
        segments = _checked_segments(directory)
        for stored in read_store(directory / "recovery"):
            if stored.step == SOURCE_STEP:
                self._deal_partition(index, stored, new)
            elif stored.step == _USERS:
                self._deal_users(directory, stored, new)
            elif stored.step == _WINDOW:
                _is_of(window.STATE_VERSION, stored)
                self._deal_items([(item, tuple(Attempts())) for item in stored.state[1]], new)
            elif stored.step == _SINK:
                if stored.state[0] not in outbox.READ_VERSIONS:
                    _is_of(outbox.STATE_VERSION, stored)
                _, items, marks, *_ = stored.state
                self._deal_items(items, new)
                self._deal_spills(directory / "overflow", marks, new)
            else:
                raise StateError(f"{directory}: it holds a step {stored.step!r}, which this version does not know")
        for segment in segments:
            for source, partition, offset, place, sync, copy, fate in read_segment(segment):
                self._of(new, partition).add_fate(Position(source, partition, offset, place), sync, copy, fate)
                self.fates += 1

    def _of(self, new: Sequence[NewSlice], partition: int) -> NewSlice:
        return new[partition % self._after]

    def _deal_partition(self, index: int, stored: Stored, new: Sequence[NewSlice]) -> None:
        partition = int(stored.key.rpartition("/")[2])
        if partition % self._before != index:
            raise StateError(
                f"slice {index} of {self._before} has read partition {partition}, which was another's to read"
            )
        self.partitions.add(partition)
        if stored.state is not None:
            self._of(new, partition).store.put(SOURCE_STEP, stored.key, pickle.dumps(stored.state))

    def _deal_users(self, directory: Path, stored: Stored, new: Sequence[NewSlice]) -> None:
        """Deal out a shard of users; or one user, as the first versions stored each."""
        if stored.state[0] != KIND:
            if stored.state[0] not in READ_VERSIONS:
                _is_of(STATE_VERSION, stored)
            self._deal_user(stored.key, stored.state, new, 0)
            return
        _, version, shard, generation, *rest = stored.state
        if version not in READ_GENERATIONS:
            raise StateError(f"{directory}: its users are of version {version}; this is version {GENERATION_VERSION}")
        read_ms = rest[0] if rest else 0
        newest: dict[str, bytes] = {}

        def take(key: str, state: State | None) -> None:
            if state is None:
                newest.pop(key, None)
            else:
                newest[key] = pickle.dumps(state)

        try:
            read_log(directory / "users" / shard, generation, take)
        except UserLogError as problem:
            raise StateError(str(problem)) from problem
        for key, pickled in newest.items():
            self._deal_user(key, load_plain(pickled), new, read_ms)

    def _deal_user(self, key: str, stored: tuple[Any, ...], new: Sequence[NewSlice], read_ms: int) -> None:
        """Give a user to the slice of the partition that they were heard of in, and each held event to its own.

        Each slice counts its own time of reading, and the new ones begin at 0: what waits keeps the time that is left.
        """
        added = stored[_FIELDS:]
        state = shifted(current_state(UserState(*stored[:_FIELDS]), read_ms), -read_ms)
        partition = added[1] if len(added) > 1 else None
        self.users += 1
        self.held += len(state.held)
        homes = set(range(self._after)) if partition is None else {partition % self._after}
        held: dict[int, list[tuple[object, ...]]] = {home: [] for home in homes}
        for each in state.held:
            held.setdefault(Position(*each[3]).partition % self._after, []).append(each)  # type: ignore[misc]  # a position's values
        for home, waiting in held.items():
            new[home].add_user(key, state._replace(held=tuple(waiting)), added)

    def _deal_items(self, items: Sequence[PackedItem], new: Sequence[NewSlice]) -> None:
        for item in items:
            self._of(new, unpack(item[0]).position.partition).add_item(item)
            self.outbox += 1

    def _deal_spills(self, directory: Path, marks: dict[str, Any], new: Sequence[NewSlice]) -> None:
        for lane, mark in marks.items():
            try:
                spill = Spill(directory / quote(lane, safe=""), mark)
            except DamagedStateError as problem:
                raise StateError(str(problem)) from problem
            try:
                for item in spill.peek():
                    self._of(new, unpack(item[0]).position.partition).add_set_aside(lane, (item[0], item[1]))
                    self.outbox += 1
            finally:
                spill.close()


def _is_of(version: int, stored: Stored) -> None:
    if stored.state[0] != version:
        raise StateError(
            f"{stored.step} is of version {stored.state[0]}; this is version {version}: start and stop the slices with "
            "this version first, if it can read them"
        )


def _checked_segments(directory: Path) -> list[Path]:
    """Return the files of a slice's journal. Raises StateError where its state is not what a start would go on from."""
    recovery, journal = directory / "recovery", directory / "journal"
    segments = sorted(journal.glob("*.journal"))
    try:
        check_store(recovery)
        files = Manifest(directory, stored_snapshot(recovery)).files
        check_listed(journal, segments, files, SEND_AGAIN)
        for segment in segments:
            read_listed(segment, files, SEND_AGAIN)
    except DamagedStateError as problem:
        raise StateError(str(problem)) from None
    return segments
