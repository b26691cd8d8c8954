"""What a state directory keeps of its source, so that a start notices where either is not what it was.

`source.json` holds the directory's own id, the id of each topic, and the offsets that this state has let the group
have: written before each commit, so that a group which is further was moved on from a newer copy of the state.
"""

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.note import CommitMetadata
from connectors.state.durable import read_checked, write_checked
from connectors.state.layout import SOURCE

_VERSION: Final = 1

__all__ = ["IfOlder", "Kept", "Origin"]


class Origin(NamedTuple):
    """Which topic of a name it is."""

    topic_id: str
    source: str
    """The name that its records have in the state: the topic's; of one that was made again, with its id."""


def is_of_earlier_topic(place: tuple[str, int], current: Iterable[tuple[str, int]]) -> bool:
    """Return whether records of this name were of a topic that was made again since: none of them is read any more."""
    source, partition = place
    return any(
        number == partition and name != source and name.partition("@")[0] == source.partition("@")[0]
        for name, number in current
    )


class IfOlder(NamedTuple):
    """What a program says of a state that is older than the group; `{directory}` and `{file}` are the state's."""

    costs: str
    """What to go on from it would do."""
    do: str


STREAM_IF_OLDER: Final = IfOlder(
    "To go on from it would send again what was sent since.",
    "Put the newest state back; or move this directory away, and the stream begins at the group's offsets without it; "
    "or, to go on from it all the same and send again, remove {file}.",
)


class Kept:
    """The file. Not thread-safe."""

    def __init__(self, directory: Path, topic: str, *, has_position: bool, if_older: IfOlder = STREAM_IF_OLDER) -> None:
        """Read it. `has_position` is whether the recovery store knows a position in this topic.

        Raises:
            KafkaSetupError: the file is damaged.
        """
        self._path = directory / SOURCE
        self._topic = topic
        self._has_position = has_position
        self._if_older = if_older
        self.run = secrets.token_hex(4)
        self._content: dict[str, Any] = {"version": _VERSION, "state": secrets.token_hex(8), "topics": {}}
        self.is_new = True
        with suppress(FileNotFoundError):
            self._content = self._read()
            self.is_new = False
        self._committed = self._of_topic().setdefault("committed", {})

    @property
    def state(self) -> str:
        """The id of the state directory."""
        return str(self._content["state"])

    @property
    def origin(self) -> Origin | None:
        """Which topic this state has read last under this name; None if it never has, or an earlier version did."""
        found = self._of_topic().get("origin")
        return Origin(*found) if found else None

    def is_added(self, partition: int) -> bool:
        """Whether a partition was added to the topic since the group was told of its others by this state."""
        return bool(self._committed) and partition > max(map(int, self._committed))

    def remember(self, origin: Origin) -> None:
        """Write which topic is read from now on. Raises OSError."""
        if self.origin != origin:
            self._committed.clear()
        self._of_topic()["origin"] = list(origin)
        self._write()

    def will_commit(self, offsets: Mapping[int, int]) -> None:
        """Write what the group is about to be told. Raises OSError, and then it must not be told."""
        new = {str(partition): offset for partition, offset in offsets.items()}
        if any(self._committed.get(partition) != offset for partition, offset in new.items()):
            self._committed.update(new)
            self._write()

    def refuse_older(self, partition: int, offset: int, note: CommitMetadata) -> None:
        """Look at what the group says of itself.

        Raises:
            KafkaSetupError: the group was moved on since this state was written, by a newer copy or another directory.
        """
        if self.is_new or not self._has_position:
            return
        is_ours = note.state == self.state
        known = self._committed.get(str(partition), -1)
        if is_ours and offset <= known:
            return
        why = (
            f"the group has {offset} committed, and this state has let it have {max(known, 0)}: it is an older copy"
            if is_ours
            else f"the group was moved on to {offset} by another state directory, {note.state} (this is {self.state})"
        )
        raise KafkaSetupError(
            f"state.directory: the state in {self._path.parent} is older than what the group has committed. "
            f"Partition {partition} of {self._topic!r}: {why}. {self._if_older.costs} "
            f"{self._if_older.do.format(directory=self._path.parent, file=self._path)}"
        )

    def _of_topic(self) -> dict[str, Any]:
        of_topic: dict[str, Any] = self._content["topics"].setdefault(self._topic, {})
        return of_topic

    def _read(self) -> dict[str, Any]:
        try:
            content = read_checked(self._path)
            is_known = (
                content["version"] == _VERSION
                and isinstance(content["state"], str)
                and all(isinstance(each, dict) for each in content["topics"].values())
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            is_known = False
        if not is_known:
            raise KafkaSetupError(
                f"state.directory: {self._path} is damaged. It says which topic this state has read, and how far the "
                "group is. Put it back from where the rest of the state came from; or remove it, where you know that "
                "neither the topic nor the state was replaced, and the stream goes on."
            )
        return content

    def _write(self) -> None:
        write_checked(self._path, self._content)
