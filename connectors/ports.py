"""The contracts between the stream and what it is connected to. A port has the methods that its callers need.

A source and a place of dead letters have two forms each: what its settings alone tell, and what is open in a process.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bytewax.inputs import FixedPartitionedSource

from connectors.dead_letters import Bounds, LetterReader, LetterWriter, StoredBytes
from connectors.event_writer import EventWriter
from connectors.finding import Finding
from connectors.opening import BytesRead, Opening, PartitionProgress
from connectors.sample import Sample
from flows.domain.event import Record
from flows.domain.slice import Slice

LookAt = Callable[[Sample], Iterator[Finding]]
"""What `check` looks for in a sample of a source."""


class SetupError(Exception):
    """An outside system refuses what it is asked for as it is set up; the same again gives the same answer.

    Its text names the key and says what to do. Nothing is started.
    """


class OpenSource(Protocol):
    """A source in a process that runs."""

    @property
    def input(self) -> FixedPartitionedSource[Record, Any]:
        """Bytewax's source. Its partitions never block, and resume exactly where their snapshot says."""

    def connect(self) -> bool:
        """Find it; wait for as long as it does not answer. Return False if a stop was requested meanwhile.

        Raises SetupError, and SecretError where the secret of a setting is missing.
        """

    @property
    def waits_for(self) -> str | None:
        """What it waits for, in words, if it is not connected."""

    @property
    def is_found(self) -> bool:
        """Whether it was found at the start."""

    @property
    def damaged(self) -> Mapping[int, str]:
        """Partition → why it is not read on, of those that are damaged."""

    @property
    def partition_count(self) -> int | None:
        """How many partitions there are, whoever reads them; None where that is not known, or none have offsets."""

    def progress(self) -> Sequence[PartitionProgress]:
        """Return how far each partition has come; none of a source without offsets."""

    @property
    def bytes_read(self) -> BytesRead | None:
        """How much was read, where that is known in bytes."""

    def sent_again(self) -> Mapping[int, int] | None:
        """Return partition → how many records would be sent again at the most if the state were lost.

        None where only the state knows how far it has come: all of it would be.
        """

    def released(self) -> dict[tuple[str, int], int]:
        """Return the offsets below which no start reads again: neither from a snapshot nor from what is committed."""

    def close(self) -> None:
        """Commit a last time, and let go of connections. May be called more than once."""


class Source(Protocol):
    """A kind of source, with its settings. Nothing is asked over a network before it is told to."""

    def __init__(self, settings: Any) -> None:
        """Take the settings of this kind."""

    @property
    def title(self) -> str:
        """What is read, for a person."""

    @property
    def ends(self) -> bool:
        """Whether it ends by itself."""

    @property
    def unsliceable(self) -> str | None:
        """Why slices cannot divide it."""

    @property
    def out_of_reach(self) -> str | None:
        """What `erase` does not reach, and what becomes of it; None where that is nothing."""

    def nothing_to_read(self) -> str | None:
        """Say that there is nothing, where nothing is waited for."""

    def obstacles(self) -> Iterator[str]:
        """Yield what keeps it from being opened as far as this machine knows, each with its key."""

    def missing(self, part: Slice) -> Iterator[str]:
        """Yield what the outside system lacks for a start, each with its key. Takes seconds."""

    def check(self, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
        """Yield what is found of it, and of a sample of what it holds. Takes seconds."""

    def latest(self, limit: int | None, on_damage: Callable[[str], None]) -> Iterator[Record]:
        """Yield the newest records that it holds, up to `limit`; None: all. Of archives, as many from all over them.

        It changes nothing, and no start reads less for it. What cannot be read is told to `on_damage`, in words.
        Raises SampleError.
        """

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int | None:
        """Erase what it keeps of a person while nothing reads it, and return how many records; None: none is in reach.

        Raises OSError where not everything is erased.
        """

    def open(self, opening: Opening) -> OpenSource:
        """Open it."""

    def writer(self) -> EventWriter | None:
        """Open it for events that are taken in; None where none can be added.

        Raises SetupError, and SecretError where the secret of a setting is missing.
        """


class DeadLetterStore(Protocol):
    """A kind of place for dead letters, with its settings."""

    def __init__(self, settings: Any) -> None:
        """Take the settings of this kind."""

    @property
    def place(self) -> str:
        """Its name: the directory, the topic."""

    @property
    def title(self) -> str:
        """Where the letters are, for a person."""

    @property
    def identity(self) -> Any:
        """What tells this place from others, for JSON."""

    @property
    def directories(self) -> Mapping[str, Path]:
        """Key → directory, of those on this machine that it writes to."""

    def obstacles(self) -> Iterator[str]:
        """Yield what keeps it from being opened as far as this machine knows, each with its key."""

    def missing(self) -> Iterator[str]:
        """Yield what the outside system lacks for a start, each with its key. Takes seconds."""

    def check(self) -> Iterator[Finding]:
        """Yield what is found of the outside system. Takes seconds."""

    def blocked(self) -> str | None:
        """Say what keeps letters from being stored, as far as this machine knows."""

    def writer(self) -> LetterWriter:
        """Open it for writing. Raises SetupError, SecretError."""

    def bounds(self) -> Bounds:
        """Return how far the letters reach now. Raises LettersUnreadableError."""

    def read(
        self, ends: Mapping[str, int], begin: Mapping[str, int], on_damage: Callable[[object], None]
    ) -> LetterReader:
        """Read the letters from `begin` (part → number of the next letter) up to `ends`."""

    def id(self) -> str | None:
        """Return the id of what now has its name; None where none is known. `ends` hold for one id only."""

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int | None:
        """Erase letters, and return how many; None where they cannot be reached. Raises OSError."""


# Delivery engine: sends requests in bulk. Which HTTP client does it is known to `connectors.delivery.engines` alone.


class Endpoint(NamedTuple):
    """Where the requests of one lane go."""

    url: str
    key: str
    """The secret of the `authentication` header (AppsFlyer, OpenAPI of the S2S events API)."""


class Answer(NamedTuple):
    """How a request ended: with a status, or broken."""

    status: int
    """0 where no status line came: the connection broke, or nothing was answered in time."""
    text: str
    """The beginning of the answer; of a broken request, what the engine says of it."""
    retry_after_seconds: float
    seconds: float = 0.0
    """How long it took, from the start of the request."""
    is_html: bool = False
    """Whether its content type says that it is a page."""


class Completed(NamedTuple):
    """The requests that ended."""

    delivered: list[tuple[Any, float]]
    """The ids of those that were answered 200 with the text «OK», and how long each took, in seconds."""
    others: list[tuple[Any, Answer]]
    """The ids and answers of all others."""


class DeliveryEngine(Protocol):
    """Sends requests over connections that it keeps. One thread uses it; `wake` alone may be called by any.

    Every request that is submitted is completed once, within the time-out that the engine was made with: the status
    line decides, whatever becomes of the rest, and what has none is broken (status 0). Nothing that was answered is
    sent again, no redirect is followed, and TLS is verified.
    """

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""

    def open_lane(self, endpoint: Endpoint) -> int:
        """Return the number of a lane, by which requests to an endpoint are submitted. Lanes share connections."""

    def close_lane(self, lane: int) -> None:
        """Let go of a lane; what is under way on it is completed."""

    def submit(self, requests: Sequence[tuple[Any, int, bytes]], *, alone: bool = False) -> None:
        """Send each (id, lane, body). The caller chooses the ids.

        `alone`: over a connection that nothing else has used, so that the answer tells whether the server is reached.
        """

    def completed(self, longest_seconds: float) -> Completed:
        """Wait until something ends or `wake` is called, at most so long, and return what ended since the last call."""

    def wake(self) -> None:
        """End the wait of `completed`, or the next one where it does not wait now; after `close` do nothing."""

    def close(self) -> None:
        """Break off what is under way and close the connections."""
