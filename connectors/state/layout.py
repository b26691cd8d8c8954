"""The layout of the state: the names of all files and directories below a state directory. Everybody asks here."""

import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from connectors.state.damage import DamagedStateError

LOCK: Final = "lock"
BALLAST: Final = "ballast"
MANIFEST: Final = "manifest.json"
SOURCE: Final = "source.json"
"""Which topic was read, and how far the group was told to be."""
TARGET: Final = "target.json"
"""Which topic a rekeying writes."""
PLAN: Final = "plan.json"
"""What a replay is about."""
MARKS: Final = "marks"
"""What replays have brought to an end."""
NOTES: Final = (SOURCE, MANIFEST)
"""What says how the parts of a slice's state belong together."""
_RECOVERY: Final = "recovery"
PARTS: Final = (_RECOVERY, "users", "journal", "overflow")
"""What the state of a slice consists of."""
STAGING: Final = ".reslice"
"""Below a state directory: what is being prepared. Nothing starts beside it."""
_READY: Final = "ready"
"""In the first staging directory: everything is prepared, and only has to be put in its place."""
_SLICES: Final = "slice-*-of-*"


class Segments(NamedTuple):
    """The names of a log's files: `NUMBER.suffix`."""

    suffix: str
    digits: int

    def path(self, directory: Path, number: int) -> Path:
        """Return where the segment of that number is."""
        return directory / f"{number:0{self.digits}d}{self.suffix}"

    def paths(self, directory: Path) -> list[Path]:
        """Return the segments that are there, lowest number first.

        Raises DamagedStateError where another file has that suffix.
        """
        paths = list(directory.glob(f"*{self.suffix}"))
        for path in paths:
            is_number = path.stem.isascii() and path.stem.isdecimal() and len(path.stem) >= _LEAST_DIGITS
            if not (is_number and path.is_file()):
                raise DamagedStateError(f"{path} is no file of the stream's; move it out of the state directory")
        return sorted(paths, key=lambda path: int(path.stem))


JOURNAL_SEGMENTS: Final = Segments(".journal", 12)
MARK_SEGMENTS: Final = Segments(".marks", 12)
USER_SEGMENTS: Final = Segments(".users", 9)
SPILL_SEGMENTS: Final = Segments(".overflow", 9)
_LEAST_DIGITS: Final = 9
"""With fewer it is another name of the same number."""


class Layout:
    """The state of one slice, or of one replay or rekeying, in a directory of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recovery, self.users, self.journal, self.overflow = (path / part for part in PARTS)
        self.source = path / SOURCE

    def user_log(self, shard: str) -> Path:
        """Return where the log of a shard's users is."""
        return self.users / shard

    def spill(self, lane: str) -> Path:
        """Return where the queue of a lane is."""
        return spill_directory(self.overflow, lane)

    @property
    def segments(self) -> list[Path]:
        """The files of the journal, oldest first."""
        return sorted(self.journal.glob(f"*{JOURNAL_SEGMENTS.suffix}"))

    @property
    def has_store(self) -> bool:
        """Whether a recovery store is in its place."""
        return bool(store_parts(self.recovery))

    @property
    def has_state(self) -> bool:
        """Whether something is stored here that a start would go on from."""
        return self.has_store or any(segment.stat().st_size for segment in self.segments)


class Slices:
    """The state directories: one for all slices of a host, or one for each slice, as volumes of their own are."""

    def __init__(self, roots: list[Path]) -> None:
        self.roots = roots

    def of(self, index: int, count: int) -> Layout:
        """Return where a slice keeps its state. Raises IndexError."""
        return Layout(slice_directory(self._root(index), index, count))

    def staged(self, index: int, count: int) -> Layout:
        """Return where the state of a new slice is prepared: on the disk that it will be on."""
        return Layout(self._root(index) / STAGING / f"slice-{index}-of-{count}")

    @property
    def ready(self) -> Path:
        """The file that says that everything is prepared."""
        return self.roots[0] / STAGING / _READY

    def _root(self, index: int) -> Path:
        return self.roots[0] if len(self.roots) == 1 else self.roots[index]


def store_parts(recovery: Path) -> list[Path]:
    """Return the files of a recovery store; none where there is no store yet."""
    return sorted(recovery.glob("part-*.sqlite3"))


def spill_directory(overflow: Path, lane: str) -> Path:
    """Return where the queue of a lane is."""
    return overflow / quote(lane, safe="")


def slice_directory(root: Path, index: int, count: int) -> Path:
    """Return the directory of one slice below a state directory; without slices, that directory itself."""
    return root if count == 1 else root / f"slice-{index}-of-{count}"


def replay_directory(root: Path) -> Path:
    """Return where all that replays keep is."""
    return root / "replay"


def rekey_directory(root: Path, read: str, written: str) -> Path:
    """Return where a rekeying of one topic to another keeps its state."""
    return root / "rekey" / read / written


def erasures_directory(root: Path) -> Path:
    """Return where the requests for erasure are noted."""
    return root / "erasures"


def layouts_of_slices(root: Path) -> list[Layout]:
    """Return where the one slice keeps its state, and each of several."""
    return [Layout(root), *(Layout(each) for each in sorted(root.glob(_SLICES)))]


def locked_below(root: Path) -> list[Path]:
    """Return the directories below a state directory on which a process has worked, replays' and rekeyings' too."""
    return sorted({each.parent for each in root.rglob(LOCK)})


def stores_below(root: Path) -> list[Layout]:
    """Return every place below a state directory that has a recovery store, replays' and rekeyings' too."""
    return [layout for each in sorted(root.rglob(_RECOVERY)) if (layout := Layout(each.parent)).has_store]


def user_logs_below(root: Path, shard: str = "*") -> list[Path]:
    """Return the logs of users below a state directory, also those whose recovery store is gone."""
    return sorted(root.rglob(f"users/{shard}/"))


def spill_files_below(root: Path) -> list[Path]:
    """Return the files of all queues below a state directory."""
    return sorted(root.rglob(f"*{SPILL_SEGMENTS.suffix}"))


def obstacle(root: Path, count: int) -> str | None:
    """Return why no slice of `count` may start on a state directory, and what to do; None if it may.

    What another number of slices has stored there would be read and sent a second time.
    """
    if any((root / STAGING).glob("*")):
        return f"{root / STAGING}: a change of the number of slices is not done; run that reslice again"
    others = {1} if count != 1 and Layout(root).has_state else set()
    for directory in root.glob(_SLICES):
        named = re.fullmatch(r"slice-[0-9]+-of-([0-9]+)", directory.name)
        if named is not None and int(named[1]) != count and Layout(directory).has_state:
            others.add(int(named[1]))
    if not others:
        return None
    before = min(others)
    slices = "one slice" if before == 1 else f"{before} slices"
    return (
        f"{root} holds the state of {slices}, and this is one of {count}: what they have sent would be sent again; "
        f"stop them, then `python -m flows reslice --from {before} --to {count}`"
    )
