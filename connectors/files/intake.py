"""Which files are to be read, and in which order: the globs of the settings, looked at once or again and again."""

import glob
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from connectors.files.fingerprint import Signature, signature_of
from connectors.files.natural import natural_key

LOOK_EVERY_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Intake:
    """Hands out the files that the patterns match, in natural order, but those that are done.

    With `follow` it looks again every second, and a file is taken in once it has not changed from one look to the next,
    so that one that is still being written is not read half. `clock` is a steady clock, in seconds.
    """

    def __init__(
        self,
        patterns: tuple[str, ...],
        *,
        follow: bool,
        clock: Callable[[], float],
        is_done: Callable[[str, Signature | None], bool],
        on_no_match: Callable[[str], None],
        on_found: Callable[[Iterable[str]], None],
    ) -> None:
        """`is_done` is asked of a file as it is now; `on_found` is told of those that each look has to offer."""
        self._is_done = is_done
        self._on_found = on_found
        self._patterns = patterns
        self._follow = follow
        self._clock = clock
        self._on_no_match = on_no_match
        self._waiting: deque[str] = deque()
        self._next_look: float | None = None
        self.looks = 0
        """How often it has looked. What was there whole at one look is handed out after the next, at the latest."""
        self._seen: dict[str, Signature | None] = {}
        self._given_up: dict[str, Signature | None] = {}

    @property
    def is_over(self) -> bool:
        """Whether there will never be another file."""
        return not self._follow and self._next_look is not None and not self._waiting

    @property
    def has_offered_all(self) -> bool:
        """Whether each file that was there whole at the first look has been offered."""
        return not self._waiting and self.looks > int(self._follow)

    def next_file(self) -> str | None:
        """Return the next file that is not done; None if there is none at the moment."""
        if not self._waiting:
            self.look()
        while self._waiting:
            path = self._waiting.popleft()
            if not self._is_done(path, signature_of(path)):  # the file of the run before may have been read meanwhile
                return path
        return None

    def give_up(self, path: str) -> None:
        """Do not offer a file again that could not be read, until it changes."""
        self._given_up[path] = signature_of(path)

    def look(self) -> None:
        """Look which files there are, if it is time to."""
        now = self._clock()
        if self._next_look is not None and (not self._follow or now < self._next_look):
            return
        is_first = self._next_look is None
        self._next_look = now + LOOK_EVERY_SECONDS
        self.looks += 1
        signatures: dict[str, Signature | None] = {}  # of a million files that are done, each is looked at once
        for pattern in self._patterns:
            found = _matches(pattern)
            signatures.update(
                (path, now or signature_of(path)) for path, now in found.items() if path not in signatures
            )
            if not found and not self._follow:
                self._on_no_match(pattern)
            elif not found and is_first:
                _log.info("waiting for files", pattern=pattern)
        paths = {path for path, now in signatures.items() if not self._is_done(path, now)}
        if self._follow:
            ready = {path for path in paths if path in self._seen and self._seen[path] == signatures[path]}
            paths = {path for path in ready if self._given_up.get(path, ()) != signatures[path]}
            self._seen = signatures
        self._waiting.extend(sorted(paths, key=natural_key))
        self._on_found(paths)


def any_file(patterns: tuple[str, ...]) -> bool:
    """Return whether there is any file to read at all."""
    return any(map(_matches, patterns))


def _matches(pattern: str) -> dict[str, Signature | None]:
    """Return the files, with how each is where it was looked at for that."""
    there = signature_of(pattern)  # a name may hold what would be a glob's special characters
    if there is not None:
        return {pattern: there}
    return dict.fromkeys(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
