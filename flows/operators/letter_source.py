"""The source of a replay: the dead letters that are there, up to where they ended when the replay began."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.dead_letters import Letter, LetterReader, StoredLetter
from connectors.delivery.throttle import Limiter
from connectors.pace import AT_ONCE, Pace
from connectors.shutdown import Shutdown

PARTITION: Final = "letters"
STATE_VERSION: Final = 1
_BATCH_LETTERS: Final = 100
_LOOK_LETTERS: Final = 1000
"""How many letters are looked at for one batch: bounds the time for which the worker is kept."""

Wanted = Callable[[StoredLetter], Letter | None]
"""Reads a letter; None if it is not to be replayed."""
Begin = Mapping[str, int]
"""part → number of the next letter; a part that is missing begins at its start."""
LettersState = tuple[int, dict[str, int]]
"""(version, part → number of the next letter)"""


class LetterPartition(StatefulSourcePartition[Letter, LettersState]):
    """All letters, as one source partition."""

    def __init__(
        self,
        reader: LetterReader,
        begin: Begin,
        wanted: Wanted,
        room: Callable[[], int],
        shutdown: Shutdown,
        limiter: Limiter,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._reader = reader
        self._next = dict(begin)
        self._wanted = wanted
        self._room = room
        self._shutdown = shutdown
        self._limiter = limiter
        self._clock = clock
        self._ready: deque[StoredLetter] = deque()

    def next_batch(self) -> list[Letter]:
        """Return wanted letters, no more than there is room for and the rate allows. StopIteration is the end."""
        self._pace.rest(self)
        if self._shutdown.requested:
            raise StopIteration
        batch: list[Letter] = []
        limit = min(self._room(), _BATCH_LETTERS)
        looked = 0
        late = False
        while len(batch) < limit and looked < _LOOK_LETTERS:
            late = self._limiter.wait_seconds(self._clock()) > 0
            if late or not self._fill():
                break
            stored = self._ready.popleft()
            looked += 1
            self._next[stored.part] = stored.number + 1
            letter = self._wanted(stored)
            if letter is not None:
                self._limiter.take(self._clock())
                batch.append(letter)
        if not looked and limit > 0 and not late and self._reader.is_over:
            self._shutdown.input_ended = True
            raise StopIteration
        if looked:
            self._pace.found()
        return batch

    def next_awake(self) -> datetime:
        """Return that it is to be asked at once: it rests by itself, by a steady clock."""
        return AT_ONCE

    def snapshot(self) -> LettersState:
        """Return where to go on."""
        return (STATE_VERSION, dict(self._next))

    def close(self) -> None:
        """Let go of the place."""
        self._pace.leave(self)
        self._reader.close()

    def _fill(self) -> bool:
        if not self._ready:
            self._ready.extend(self._reader.read())
        return bool(self._ready)


class LetterInput(FixedPartitionedSource[Letter, LettersState]):
    """Reads the letters that are wanted.

    Args:
        open_reader: where to begin → what reads.
        wanted: reads a letter, and chooses.
        room: how many may be taken now; at 0 or below none is.
        shutdown: ends the source when requested; told when the source has ended by itself.
        letters_per_second: how many wanted letters are taken; 0 is no limit. Those that are not wanted cost nothing.
        clock: a monotonic clock, in seconds.
        pace: how the process's workers rest.
    """

    def __init__(
        self,
        open_reader: Callable[[Begin], LetterReader],
        wanted: Wanted,
        room: Callable[[], int],
        shutdown: Shutdown,
        letters_per_second: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._open_reader = open_reader
        self._wanted = wanted
        self._room = room
        self._shutdown = shutdown
        self._limiter = Limiter(letters_per_second)
        self._clock = clock

    def list_parts(self) -> list[str]:
        """Return the one partition's name."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: LettersState | None) -> LetterPartition:  # noqa: ARG002 - Bytewax's signature
        """Begin, or go on where a snapshot says."""
        if resume_state is not None and resume_state[0] != STATE_VERSION:
            raise ValueError(
                f"the recovery store of this replay is of version {resume_state[0]}; this is {STATE_VERSION}: remove "
                "the replay's directory; what it has sent is marked and will not be sent again"
            )
        begin = resume_state[1] if resume_state is not None else {}
        return LetterPartition(
            self._open_reader(begin),
            begin,
            self._wanted,
            self._room,
            self._shutdown,
            self._limiter,
            self._clock,
            self._pace,
        )
