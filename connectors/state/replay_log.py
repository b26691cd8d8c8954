"""Marks: which dead letters a replay has brought to an end, so that no later replay sends them again.

A mark stands for an event, the sync and the copy: `delivered` is the end for all dead letters of these three; that it
became a dead letter again is the end for those that were replayed, and not for the new one, which says that it was
replayed once more. So letters may be moved to other files, and one that a crash has stored twice is replayed once.

Format of a file: frames (see `segment_log.py`); the payload is a JSON list of `[source, partition, offset, place, sync,
copy, fate, replays, run]`. Marks are never removed by the program: some 100 bytes for each letter that was replayed.
They are of no use any more when the letters are gone: then all of it may be deleted, `manifest.json` beside it, too.
"""

import sys
from pathlib import Path
from threading import Lock
from typing import Final

import orjson
import structlog

from connectors.state.damage import DamagedStateError
from connectors.state.earlier_fates import DELIVERED, Entry
from connectors.state.layout import MANIFEST, MARK_SEGMENTS
from connectors.state.manifest import Listed, Manifest, check_listed, read_listed
from connectors.state.segment_log import SegmentFile, frame, read_json_frames
from flows.domain.event import Position

log = structlog.get_logger()

_FOR_GOOD: Final = sys.maxsize
_NOT: Final = (0, "")


class ReplayLog:
    """Remembers ends across runs. `record` and `flush` may be called by several threads."""

    def __init__(self, directory: Path, run: str, *, again: bool = False, manifest: Manifest | None = None) -> None:
        """Read what earlier runs left; with `again` only what this run itself left before it was interrupted.

        Nothing is written before the first `flush` of something. Without a manifest no missing file is noticed.

        Raises:
            DamagedStateError: a file is missing or changed.
            OSError: the directory cannot be read.
        """
        self._manifest = manifest
        self._files: dict[str, Listed] = {}
        self._directory = directory
        self._run = run
        self._lock = Lock()
        self._buffer: list[tuple[str, int, int, int, str | None, int, str, int, str]] = []
        self._ended: dict[Entry, tuple[int, str]] = {}
        self.of_this_run: set[Entry] = set()
        """What this run had brought to an end before it was interrupted."""
        self._next_number = 1
        self._file: SegmentFile | None = None
        paths = MARK_SEGMENTS.paths(directory)
        check_listed(directory, paths, manifest.files if manifest is not None else {}, self._way_out())
        for path in paths:
            self._next_number = int(path.stem) + 1
            self._load(path, again=again)

    def is_ended(self, entry: Entry, replays: int) -> bool:
        """Return whether a letter of this entry, which had been replayed so many times before, is at its end."""
        return self.fate(entry, replays) is not None

    def fate(self, entry: Entry, replays: int) -> str | None:
        """Return what became of such a letter: `delivered`, the reason for which it is a dead letter again, or None."""
        below, fate = self._ended.get(entry, _NOT)
        return fate if replays < below else None

    def record(self, entry: Entry, replays: int, fate: str) -> None:
        """Note what became of an entry by its replay of this number, counted from 1; durable after the next `flush`."""
        position, sync, copy = entry
        with self._lock:
            self._note(entry, replays, fate)
            self._buffer.append((*position, sync, copy, fate, replays, self._run))

    def flush(self) -> None:
        """Hand what was noted to the operating system. Raises OSError where it cannot, as on a full disk."""
        if not self._buffer:
            return
        with self._lock:
            if self._file is None:
                self._directory.mkdir(parents=True, exist_ok=True)
                self._file = SegmentFile.begin(MARK_SEGMENTS.path(self._directory, self._next_number))
            if not self._file.size:  # it is listed before anything stands in it
                self._list(self._file.path, Listed(0, 0, is_closed=False))
            self._file.append(frame(orjson.dumps(self._buffer)))
            self._buffer = []

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.flush()
        if self._file is not None:
            self._file.sync()
            self._file.close()
            self._list(self._file.path, self._file.ended())
            self._file = None

    def _note(self, entry: Entry, replays: int, fate: str) -> None:
        ended = (_FOR_GOOD if fate == DELIVERED else replays, fate)
        self._ended[entry] = max(ended, self._ended.get(entry, _NOT))

    def _list(self, path: Path, current: Listed) -> None:
        """Let the manifest know of every file. Raises OSError."""
        if self._manifest is not None:
            self._manifest.write({**self._files, path.name: current})

    def _load(self, path: Path, *, again: bool) -> None:
        content = read_listed(path, self._manifest.files if self._manifest is not None else {}, self._way_out())
        self._files[path.name] = Listed.whole(content)

        def torn(size_bytes: int) -> None:
            log.warning("the marks' end is torn, as after a crash", file=path.name, bytes=size_bytes)

        def damaged(start: int, _: int) -> None:
            raise DamagedStateError(f"{path} is damaged at byte {start}; {self._way_out()}")

        for payload in read_json_frames(content, torn, damaged):
            try:
                self._take(payload, again=again)
            except (ValueError, TypeError) as problem:
                raise DamagedStateError(f"{path} is no file of marks; move it out of the state directory") from problem

    def _take(self, payload: bytes, *, again: bool) -> None:
        for source, partition, offset, place, sync, copy, fate, replays, run in orjson.loads(payload):
            entry = (Position(source, partition, offset, place), sync, copy)
            if run == self._run:
                self.of_this_run.add(entry)
            if run == self._run or not again:
                self._note(entry, replays, fate)

    def _way_out(self) -> str:
        return (
            "it says which dead letters were replayed: put it back as it was; or, to replay again what it said, "
            f"remove it and {self._directory.parent / MANIFEST}"
        )
