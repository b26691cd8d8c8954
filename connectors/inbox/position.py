"""The position in an inbox, as the recovery store has it."""

from typing import Final, NamedTuple

_VERSION: Final = 1
_KIND: Final = "inbox"

StoredPosition = tuple[str, int, str, int] | None
"""("inbox", 1, the name of the inbox's file, the id of the next event). None if there was no inbox yet."""


class Place(NamedTuple):
    """Where to go on."""

    name: str
    next_id: int

    def stored(self) -> StoredPosition:
        """Return it as it is stored."""
        return (_KIND, _VERSION, self.name, self.next_id)


def read_position(stored: StoredPosition) -> Place | None:
    """Return what was stored. Raises ValueError for what is none of ours, or of a later version."""
    if stored is None:
        return None
    if stored[:2] != (_KIND, _VERSION):
        raise ValueError(
            f"The recovery store holds a position of {stored[0]}, version {stored[1]}; this program knows an inbox's "
            f"version {_VERSION}. Go on with the program that wrote it, or begin with an empty state directory."
        )
    return Place(*stored[2:])
