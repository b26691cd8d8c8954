"""Erasure: take a person out of what the stream stores, while it does not run.

What is known of a user or device is in the log of users, once for each snapshot in which it changed; the events that
wait for an identifier are part of it. Dead letters in files are blanked where they stand, so that files keep their
lines and sizes, which replays go by; events in an inbox are blanked, too, so that their ids are not used again. What
waits to be delivered is not touched: it would be an event without an outcome; it is counted instead.
"""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.appsflyer.opendsr import SubjectIdentity, identities_of
from connectors.dead_letters import StoredBytes
from connectors.delivery.items import Item, key_of, unpack
from connectors.kinds import source_of, store_of
from connectors.state.engine_store import change_sinks, count_naming
from connectors.state.journal_segment import read_segment
from connectors.state.layout import (
    Layout,
    erasures_directory,
    locked_below,
    spill_files_below,
    stores_below,
    user_logs_below,
)
from connectors.state.lock import lock_directory
from connectors.state.step_states import ANY_USERS
from connectors.state.user_segments import erase, stored_records
from flows.domain.decode import decode
from flows.domain.event import Event, Position, Record
from flows.domain.profile import devices_of_first_user
from flows.domain.stored_user import read_user
from flows.operations.erasure import note_requests, user_identity
from flows.operators.user_store import shard_of
from flows.settings.model import Settings


class Person(NamedTuple):
    """Whom to forget: a user by `user_id`, or a device that belongs to nobody by `device_id`."""

    user_id: str | None = None
    device_id: str | None = None

    @property
    def key(self) -> str:
        """The key of their state; see `Event.user_key`."""
        return f"u:{self.user_id}" if self.user_id is not None else f"d:{self.device_id}"

    @property
    def id(self) -> str:
        """The id alone."""
        return self.user_id if self.user_id is not None else self.device_id or ""

    @property
    def as_json(self) -> bytes:
        """The id as it stands in an event's bytes."""
        return orjson.dumps(self.id)

    def is_in(self, event: Event) -> bool:
        """Return whether an event is theirs; a device's are also those that it sent for a user."""
        return event.user_id == self.user_id if self.user_id is not None else event.device_id == self.device_id


class Forgotten(NamedTuple):
    """What was erased, and what is left."""

    stores: int
    """So many recovery stores were looked through."""
    states: int
    """In so many logs of users somebody was remembered."""
    letters: int | None
    """So many dead letters were blanked; None where they are not in reach."""
    events: int | None
    """So many events were erased from the source; None where it is not in reach."""
    pending: int
    """So many places hold something of theirs that is not delivered yet."""


def forget(settings: Settings, people: Sequence[Person], *, note_erasures: bool = False) -> Forgotten:
    """Erase what the stream has stored of them.

    With `note_erasures`, first the requests are noted by which AppsFlyer is asked to erase them, because nobody knows
    their identities after that; `ask_appsflyer` sends them.

    Raises:
        StateInUseError: the stream, a replay or a rekeying runs; nothing was done.
        StoreError, OSError, ValueError: not everything is erased.
    """
    directory = settings.state.directory
    with ExitStack() as stack:
        erasures = {erasures_directory(directory)} if note_erasures else set[Path]()
        for each in sorted({*locked_below(directory), *erasures}):
            stack.callback(os.close, lock_directory(each))
        if note_erasures:
            note_requests(settings, identities(directory, people))
        stores = stores_below(directory)
        for store in stores:
            erase_delivered(store, people)
        states = erase_states(directory, people)
        pending = count_pending(directory, people)
        letters = store_of(settings.dead_letters).erase(_is_about_any(people))
        events = source_of(settings.source).erase(_is_about_any(people))
    return Forgotten(len(stores), states, letters, events, pending)


def erase_states(directory: Path, people: Sequence[Person]) -> int:
    """Delete what is remembered of them below a state directory, and overwrite it on the disk. Raises OSError.

    Returns in how many logs of users somebody was remembered; also in those whose recovery store is gone.
    """
    keys = _keys_of(directory, people)
    return sum(len(erase(log, keys)) for log in _logs_of(directory, keys))


def identities(directory: Path, people: Sequence[Person]) -> set[SubjectIdentity]:
    """Return what AppsFlyer may know them by: all that is remembered of them, past identifiers too. Raises OSError."""
    keys = _keys_of(directory, people)
    found = {user_identity(person.user_id) for person in people if person.user_id is not None}
    for log in _logs_of(directory, keys):
        for key, state in stored_records(log):
            if state is not None and key in keys:
                found |= identities_of(read_user(state)[0].devices)
    return found


def _keys_of(directory: Path, people: Sequence[Person]) -> set[str]:
    """Return the keys of their states.

    With a user goes what the devices taught that this user was the first to be seen on, before a login.
    """
    keys = {person.key for person in people}
    for log in user_logs_below(directory):
        for key, state in stored_records(log):
            if state is not None and key in keys and key.startswith("u:"):
                keys |= {f"d:{device_id}" for device_id in devices_of_first_user(read_user(state)[0].devices)}
    return keys


def _logs_of(directory: Path, keys: Collection[str]) -> list[Path]:
    return [log for shard in sorted({shard_of(key) for key in keys}) for log in user_logs_below(directory, shard)]


def erase_delivered(layout: Layout, people: Sequence[Person]) -> None:
    """Take out of the sink's snapshots what the journal beside them knows to be final. Raises StoreError, OSError.

    Bytewax takes no snapshot of a sink that got nothing new, so the last one may hold what was delivered long ago.
    """
    final = {
        (Position(source, partition, offset, place), sync, copy)
        for segment in layout.segments
        for source, partition, offset, place, sync, copy, _ in read_segment(segment)
    }

    def is_theirs(item: Item) -> bool:
        return key_of(item) in final and any(person.as_json in item.value for person in people)

    change_sinks(
        layout.recovery,
        lambda state: state._replace(items=[each for each in state.items if not is_theirs(unpack(each[0]))]),
    )


def count_pending(directory: Path, people: Sequence[Person]) -> int:
    """Return in how many places something of theirs waits to be delivered. Raises StoreError, OSError."""
    stores = [layout.recovery for layout in stores_below(directory)]
    found = sum(count_naming(store, person.as_json, ANY_USERS) for store in stores for person in people)
    for path in spill_files_below(directory):
        content = path.read_bytes()
        found += sum(person.as_json in content for person in people)
    return found


def _is_about_any(people: Sequence[Person]) -> Callable[[StoredBytes | bytes], bool]:
    """Return what tells whether a dead letter, or an event of the source, is of one of them."""
    return lambda stored: any(_is_about(stored, person) for person in people)


def _is_about(stored: StoredBytes | bytes, person: Person) -> bool:
    if isinstance(stored, bytes):  # torn or damaged: when in doubt it goes
        return person.id.encode() in stored
    if stored.key == person.id.encode():
        return True
    events = decode(Record(stored.value, stored.key, "", 0, 0, 0))
    if any(isinstance(each, Event) and person.is_in(each) for each in events):
        return True
    return not all(isinstance(each, Event) for each in events) and person.as_json in stored.value
