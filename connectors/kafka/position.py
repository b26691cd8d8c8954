"""The position in a Kafka partition, as the recovery store has it; those of earlier versions are read, too."""

from typing import Final, NamedTuple

from connectors.kafka.kept import Origin
from connectors.kafka.note import FinalAbove

_VERSION: Final = 2
_KIND: Final = "kafka"

StoredPosition = int | tuple[int, int] | tuple[str, int, int, int, str, str, tuple[int, tuple[int, ...]] | None] | None
"""The offset of the first record that Bytewax has not got yet; during a warm-up (that, the offset where it ends); with
what identifies the topic, ("kafka", 2, offset, where the warm-up ends or 0, the topic's id, the name that its records
have in the state, what is final above the offset). None if nothing is decided, because a stop came first."""


class ResumePosition(NamedTuple):
    """Where to go on."""

    offset: int
    warm_up_until: int = 0
    origin: Origin | None = None
    """None where an earlier version stored it, or the broker tells no id."""
    final: FinalAbove | None = None
    """Records beyond the offset that only teach."""

    def stored(self) -> StoredPosition:
        """Return it as it is stored."""
        if self.origin is None:
            return (self.offset, self.warm_up_until) if self.warm_up_until else self.offset
        final = None if self.final is None else (self.final.until, self.final.pending)
        return (_KIND, _VERSION, self.offset, self.warm_up_until, *self.origin, final)


def read_position(stored: StoredPosition) -> ResumePosition | None:
    """Return what was stored. Raises ValueError for what a later version has stored."""
    if stored is None:
        return None
    if isinstance(stored, int):
        return ResumePosition(stored)
    if len(stored) == 2:  # noqa: PLR2004 - as described above
        return ResumePosition(*stored)
    kind, version, offset, border, topic_id, source, final = stored
    if (kind, version) != (_KIND, _VERSION):
        raise ValueError(
            f"The recovery store holds a Kafka position of version {version}; this program knows version {_VERSION}. "
            "Go on with the program that wrote it, or begin with an empty state directory."
        )
    return ResumePosition(offset, border, Origin(topic_id, source), FinalAbove(*final) if final else None)
