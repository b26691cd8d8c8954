"""The inbox as it is open in a process of the stream."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Self

from bytewax.inputs import FixedPartitionedSource
from typing_extensions import override

from connectors.inbox.cleaner import Cleaner, KnownFates
from connectors.inbox.database import NAME
from connectors.inbox.directory import READER_LOCK
from connectors.inbox.partition import InboxPartition
from connectors.inbox.position import InboxPlace, StoredPosition, read_position
from connectors.inbox.reader import Reader
from connectors.inbox.settings import InboxSource
from connectors.opening import Opening, PartitionProgress
from connectors.ports import SetupError
from connectors.sqlite_errors import problem_of
from connectors.state.lock import InUseError, lock
from flows.domain.event import Record

PARTITION: Final = "inbox"


class InboxInput(FixedPartitionedSource[Record, StoredPosition]):
    """Reads the inbox as one source partition, and deletes from it what nobody needs. Implements `OpenSource`."""

    waits_for = None
    is_found = True
    partition_count = 1
    bytes_read = None

    def __init__(self, settings: InboxSource, opening: Opening) -> None:
        self._settings = settings
        self._opening = opening
        self._lock: int | None = None
        self._part: InboxPartition | None = None
        self._cleaner = Cleaner(settings.directory, settings.keep_hours, self._final, self._needed)

    @property
    def input(self) -> Self:
        """Bytewax's source: itself."""
        return self

    def connect(self) -> bool:
        """Take the part of the reader. Raises SetupError."""
        if self._lock is None:
            directory = self._settings.directory
            try:
                self._lock = lock(directory, READER_LOCK)
            except InUseError:
                problem = f"source.directory: another stream reads {directory}; give each its own"
                raise SetupError(problem) from None
            except OSError as error:
                problem = f"source.directory: {directory} cannot be used: {problem_of(error)}; correct it"
                raise SetupError(problem) from None
        return True

    @property
    def damaged(self) -> Mapping[int, str]:
        """Why it is not read on, if it cannot be."""
        problem = self._part.unreadable if self._part is not None else None
        return {} if problem is None else {0: problem}

    def progress(self) -> Sequence[PartitionProgress]:
        """Return how far it has come; nothing before there is an inbox."""
        part, committed = self._part, self._cleaner.committed
        if part is None or (place := part.place) is None:
            return ()
        known = committed.next_id if committed is not None and committed.name == place.name else None
        end = max(part.end or 0, place.next_id)
        return (PartitionProgress(0, place.next_id, known, end, part.last_record_ms),)

    def sent_again(self) -> Mapping[int, int]:
        """Return how many events have met their fate since that was noted in the inbox."""
        fates, noted = self._final(), self._cleaner.noted
        if fates is None or noted is None or fates.name != noted.name:
            return {}
        return {0: fates.read_to - noted.read_to + len(noted.pending) - len(fates.pending)}

    def released(self) -> dict[tuple[str, int], int]:
        """Return the ids below which no start reads again; of a file that is not the inbox any more, all are."""
        watermarks = self._opening.fates.watermarks()
        committed = self._cleaner.committed
        if committed is None:
            return {}
        place = (committed.name, 0)
        released = {place: min(committed.next_id, watermarks.get(place, committed.next_id))}
        for other in self._opening.stored.places.places() - {place}:
            if other[0].startswith(NAME):  # only what waits of it may meet its fate again
                pending = self._opening.fates.pending_offsets(*other)
                released[other] = pending[0][0] if pending and pending[0] else sys.maxsize
        return released

    def close(self) -> None:
        """Note how far all is final, and let go of the inbox. May be called more than once."""
        self._cleaner.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @override
    def list_parts(self) -> list[str]:
        self.connect()
        return [PARTITION]

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: StoredPosition) -> InboxPartition:
        opening = self._opening
        reader = Reader(
            self._settings.directory,
            read_position(resume_state),
            opening.stored.warm_up,
            opening.note_damage,
            has_warm_up=opening.stored.has_recovery,
        )
        self._part = InboxPartition(reader, opening.room, opening.shutdown, opening.pace, opening.read_clock)
        self._cleaner.start()
        return self._part

    def _final(self) -> KnownFates | None:
        """Return how far all is final; None if nothing was read yet."""
        place = self._part.place if self._part is not None else None
        if place is None or (found := self._opening.fates.pending_offsets(place.name, 0)) is None:
            return None
        pending, end = found
        return KnownFates(place.name, pending[0] if pending else end, end, pending)

    def _needed(self) -> InboxPlace | None:
        """Return the place of the lowest event that a start may read again; None if it is not known."""
        part = self._part
        if part is None:
            return None
        return part.oldest_start if self._opening.stored.has_recovery else part.place
