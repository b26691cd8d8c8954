"""The position in an inbox, as the recovery store has it."""

from typing import Final, NamedTuple

_VERSION: Final = 1
_KIND: Final = "inbox"

StoredPosition = tuple[str, int, str, int, int, tuple[int, tuple[int, ...]] | None] | None
"""("inbox", 1, the inbox's name, the id of the next event, below which id events only teach, what beyond it is final).
None if there was no inbox yet."""


class InboxPlace(NamedTuple):
    """An event in an inbox."""

    name: str
    """The inbox's."""
    next_id: int


class FinalAbove(NamedTuple):
    """What has met its fate beyond the lowest event that has not."""

    until: int
    """Everything below it but what is pending."""
    pending: tuple[int, ...]


class ResumePosition(NamedTuple):
    """Where to go on."""

    place: InboxPlace
    border: int = 0
    """Events below it only teach."""
    final: FinalAbove | None = None
    """Events beyond the border that only teach as well."""

    def stored(self) -> StoredPosition:
        """Return it as it is stored; without what lies behind it."""
        next_id = self.place.next_id
        final = None if self.final is None or next_id >= self.final.until else (self.final.until, self.final.pending)
        return (_KIND, _VERSION, *self.place, self.border if next_id < self.border else 0, final)


def read_position(stored: StoredPosition) -> ResumePosition | None:
    """Return what was stored. Raises ValueError for what is none of ours, or of a later version."""
    if stored is None:
        return None
    if stored[:2] != (_KIND, _VERSION):
        raise ValueError(
            f"The recovery store holds a position of {stored[0]}, version {stored[1]}; this program knows an inbox's "
            f"version {_VERSION}. Go on with the program that wrote it, or begin with an empty state directory."
        )
    _, _, name, next_id, border, final = stored
    return ResumePosition(InboxPlace(name, next_id), border, None if final is None else FinalAbove(*final))
