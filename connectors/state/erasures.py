"""Erasures: what is noted of the requests for erasure that a destination was sent or is to be sent, a file for each.

A request is noted before it is sent, with its id, so that after a crash the same one is sent again. What it names the
person by is kept only until the destination has it; after that, only a hash that tells whether it is about an identity,
and with the end of the request nothing of the person at all.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from connectors.state.durable import overwrite_anew, read_checked, sync_entries, write_checked

_VERSION: Final = 1
_SUFFIX: Final = ".erasure"


class ErasureNote(NamedTuple):
    """One request."""

    id: str
    app_id: str
    identity_type: str
    platform: str | None
    submitted_time: str
    """RFC 3339."""
    identity: str | None
    """What the person is named by; None once the destination has the request, or never will take it."""
    fingerprint: str | None = None
    """Tells whether it is about an identity; None before the destination has it, and after its end."""
    progress: str | None = None
    """What became of it, in the destination's words; None while it is to be sent."""
    expected_time: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be sent."""
        return self.identity is not None

    @property
    def is_open(self) -> bool:
        """Whether the destination has it, and was not heard to have ended it."""
        return self.fingerprint is not None


def read_notes(directory: Path) -> list[ErasureNote]:
    """Return all requests that are noted, oldest first. Raises ValueError where a file is damaged, OSError."""
    for torn in directory.glob(f".*{_SUFFIX}.new"):  # a crash has left it; what it stands for was not noted
        _remove(torn)
    return sorted(_read(directory), key=lambda note: (note.submitted_time, note.id))


def write_note(directory: Path, note: ErasureNote) -> None:
    """Note a request, and overwrite on the disk what was noted of it before. Raises OSError."""
    path = _path(directory, note.id)
    write_checked(path, {"version": _VERSION, **note._asdict()}, overwrites=path.exists())


def remove_note(directory: Path, note: ErasureNote) -> None:
    """Forget a request, and overwrite on the disk what was noted of it. Raises OSError."""
    path = _path(directory, note.id)
    overwrite_anew(path, b"")
    _remove(path)


def _path(directory: Path, request_id: str) -> Path:
    return directory / f"{request_id}{_SUFFIX}"


def _remove(path: Path) -> None:
    path.unlink()
    sync_entries(path.parent)


def _read(directory: Path) -> Iterator[ErasureNote]:
    for path in directory.glob(f"[!.]*{_SUFFIX}"):
        if not path.stat().st_size:  # a crash came while it was removed
            _remove(path)
            continue
        try:
            content = read_checked(path)
            version = content.pop("version")
            if version != _VERSION:
                raise ValueError(f"it is of version {version}, this is {_VERSION}")  # noqa: TRY301 - as what is damaged
            yield ErasureNote(**content)
        except (ValueError, TypeError, KeyError) as problem:
            raise ValueError(
                f"{path} cannot be read ({problem}); put it back from a backup, or remove it and ask AppsFlyer yourself"
            ) from problem
