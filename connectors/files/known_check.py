"""Archives that are not what they were when they were read: what a start will make of them is said beforehand."""

import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from connectors.files.fingerprint import signature_of
from connectors.files.known import Known, KnownFile, What
from connectors.files.natural import natural_key
from connectors.files.position import read_state
from connectors.files.sample import matches
from connectors.files.settings import FilesSource
from connectors.files.source import PARTITION
from connectors.finding import Finding, Mark
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import StoreError, stored_state
from connectors.state.layout import Layout
from connectors.state.step_states import SOURCE

_MOST: Final = 5
"""Of one kind; the others are counted."""
_MOST_COMPARED: Final = 1_000
_MOST_SECONDS: Final = 5.0
"""The first lines of each are unpacked for it; those that were read under their name before come first."""
_SAID: Final = {
    What.REPLACED: (
        "is another file than the one that was read under this name",
        "a start reads it from its first line; if these are the same events once more, take it away",
    ),
    What.CHANGED: ("has changed since it was read up to line {line}", "a start reads what is new in it"),
    What.UNCOUNTED: (
        "has changed since an earlier version of this program has read it",
        "what was added is not read: copy the new lines into a file of another name",
    ),
    What.MOVED: (
        "was read up to line {line} under the name {before}",
        "a start reads only what is new in it; give it as a copy beside that one to have it read again",
    ),
}


def known_files(state_directory: Path, source: FilesSource) -> Iterator[Finding]:
    """Compare the archives with what the state directory knows of them."""
    known = _known(state_directory)
    if known is None:
        return
    paths = sorted({path for pattern in source.paths for path in matches(pattern)}, key=natural_key)
    open_paths = [path for path in paths if not known.is_done(path, signature_of(path))]
    looks = list(_looks(known, sorted(open_paths, key=lambda path: not known.has(path))))
    for what, (text, do) in _SAID.items():
        found = [each for each in looks if each.what is what]
        for look in found[:_MOST]:
            yield Finding(Mark.NOTE, f"source.paths: {look.seen.path} {_fill(text, look)}", do)
        if len(found) > _MOST:
            yield Finding(Mark.NOTE, f"source.paths: {len(found) - _MOST:,} more of which the same holds", do)
    left = len(open_paths) - len(looks)
    if left:
        yield Finding(
            Mark.NOTE,
            f"source.paths: {len(looks):,} of {len(open_paths):,} files that are new or have changed were compared "
            f"with those that were read; {left:,} were not",
            "a start compares each of them, and says in its log which were replaced, changed or moved",
        )


def _looks(known: Known, paths: list[str]) -> Iterator[KnownFile]:
    deadline = time.monotonic() + _MOST_SECONDS
    for path in paths[:_MOST_COMPARED]:
        if time.monotonic() > deadline:
            return
        yield known.look(path)


def _fill(text: str, look: KnownFile) -> str:
    before: Any = look.before
    return text.format(line=before.next_number - 1, before=before.path)


def _known(state_directory: Path) -> Known | None:
    """Return what the state directory knows; None if nothing, or if it cannot be read, which a start says."""
    try:
        stored = stored_state(Layout(state_directory).recovery, SOURCE, PARTITION)
        return None if stored is None else read_state(stored)[0]
    except (StoreError, OSError, pickle.UnpicklingError, DamagedStateError, ValueError, TypeError):
        return None
