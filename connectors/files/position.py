"""The position in the files, as the recovery store has it; that of an earlier version is read, too."""

from typing import Any, Final

from connectors.files.known import Known, Seen, read_seen

_VERSION: Final = 3
_WITHOUT_MEMBERS: Final = 2
_WITHOUT_IDENTITY: Final = 1

FilesState = tuple[Any, ...]
"""Version 3: (3, what is known of each file (`Seen.stored`), the name of the one that is being read). Version 2 has no
`Seen.members`. Version 1: (1,
the paths that are done, the one that is being read, its member, the number of the next line)."""


def state_of(known: Known, current: str | None) -> FilesState:
    """Return it as it is stored."""
    return (_VERSION, known.stored(), current)


def read_state(state: FilesState) -> tuple[Known, str | None]:
    """Return what was stored. Raises ValueError for what a later version has stored."""
    version = state[0]
    if version == _WITHOUT_IDENTITY:
        _, done, path, member, next_number = state
        known = Known(Seen(each, each, next_number=0, is_over=True) for each in done)
        if path is not None:
            known.put(Seen(path, path, member=member, next_number=next_number))
        return known, path
    if version not in {_VERSION, _WITHOUT_MEMBERS}:
        raise ValueError(
            f"The recovery store holds a files position of version {version}; this program knows those up to "
            f"{_VERSION}. Go on with the program that wrote it, or begin with an empty state directory."
        )
    _, stored, current = state
    return Known(map(read_seen, stored)), current
