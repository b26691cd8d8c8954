"""The claim of one run on its group: what each commit says of itself, and whether another run commits as well."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.kept import Kept
from connectors.kafka.note import CommitMetadata, pack_final, unpack_final
from connectors.pace import wait
from connectors.shutdown import Shutdown

Pending = Callable[[str, int], tuple[list[int], int] | None]
"""(source, partition) → the offsets that are not final, sorted, and the one after the last that was read; None if
nothing was read."""
_LOOK_SECONDS = 0.5


class _Said(NamedTuple):
    """What a commit told the group."""

    source: str
    offset: int
    final: str


class Claim:
    """Of this run, with this state directory. Not thread-safe, apart from `sent_again`."""

    def __init__(self, kept: Kept, pending: Pending) -> None:
        self.kept = kept
        self.topic_id: str | None = None
        self._pending = pending
        self._beat = 0
        self._said: dict[int, _Said] = {}
        self._acknowledged: dict[int, _Said] = {}

    def note(self, source: str, partition: int, offset: int, *, is_open: bool) -> str:
        """Return the metadata of a commit."""
        self._beat += 1
        final = ""
        if (found := self._pending(source, partition)) is not None:
            offsets, until = found
            final = pack_final(offset, [each for each in offsets if each >= offset], until) if until > offset else ""
        self._said[partition] = _Said(source, offset, final)
        return CommitMetadata(self.topic_id, source, self.kept.state, self.kept.run, self._beat, is_open, final).text()

    def acknowledged(self, partition: int) -> None:
        """Know that Kafka has the partition's last note."""
        if (said := self._said.get(partition)) is not None:
            self._acknowledged[partition] = said

    def sent_again(self) -> dict[int, int]:
        """Return partition → how many records a start would send again at the most if the state directory were lost.

        They are those that are final, and that the group's offset and note do not tell so: what became final since the
        commit, and what the note has no room for. Partitions without a commit of this run are left out.
        """
        found = {}
        for partition, said in self._acknowledged.copy().items():
            read = self._pending(said.source, partition)
            if read is None:
                continue
            pending, until = read
            waiting = len(pending) - bisect_left(pending, said.offset)
            told = unpack_final(said.offset, said.final)
            final_told = told.until - said.offset - len(told.pending)
            found[partition] = max(max(until - said.offset, 0) - waiting - final_told, 0)
        return found

    def is_other(self, note: CommitMetadata | None) -> bool:
        """Whether another run has committed."""
        return note is not None and note.run != self.kept.run

    def await_silence(
        self,
        notes: Mapping[int, CommitMetadata],
        ask: Callable[[], Mapping[int, CommitMetadata] | None],
        shutdown: Shutdown,
        seconds: float,
    ) -> bool:
        """Return once the runs that have left these notes of other state directories seem dead; False at a stop.

        A run that lives commits again and again, and a run that has stopped says so: only after a crash is it waited.

        Raises:
            KafkaSetupError: one of them lives.
        """
        others = {each: note for each, note in notes.items() if note.is_open and note.state != self.kept.state}
        if not others:
            return True
        structlog.get_logger().warning(
            "another state directory has committed for this group, and has not said that it stopped; "
            "waiting for a sign of life",
            wait_seconds=seconds,
        )
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if shutdown.requested:
                return False
            wait(_LOOK_SECONDS)
            now = ask()
            if now is None:
                return False
            if any(each in now and now[each][3:5] != others[each][3:5] for each in others):
                raise KafkaSetupError(
                    "source.group_id: another process reads for this group, with another state directory; each event "
                    "would be sent twice. Stop one of them, or give this one a source.group_id of its own; slices "
                    "share a group, but each has its own partitions: check --slice."
                )
        return True
