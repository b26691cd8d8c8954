"""The settings file beside a running stream: whether it says what the stream runs with, and what a change would do."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.runtime.reload import How, weigh
from flows.settings import SettingsError, load
from flows.settings.model import Settings


class SettingsFile:
    """Looks at the file, when it is asked to; reads it only where it is not what it was at the look before."""

    def __init__(
        self,
        path: Path,
        running: Callable[[], Settings],
        left_behind: Callable[[Settings], Mapping[str, int]],
        obstacles: Callable[[Settings], Sequence[str]],
    ) -> None:
        """Take the questions that only the running process can answer.

        `running`: the settings in force. `left_behind`: new settings → sync that they do not enable → its events.
        `obstacles`: new settings → why a restart with them would be refused, each as its own line.
        """
        self._obstacles = obstacles
        self._path = path
        self._running = running
        self._left_behind = left_behind
        self._signature: tuple[int, ...] | None = None
        self._found: Settings | SettingsError | None = None

    def look(self) -> dict[str, Any]:
        """Return it as JSON would hold it. Of a mistake it has the key alone, and no value of the settings."""
        found = self._read()
        about: dict[str, Any] = {"path": str(self._path)}
        if isinstance(found, SettingsError):
            keys = [each.key or "the file as a whole" for each in found.problems]
            return about | {"state": "mistakes", "keys": keys}
        running = self._running()
        change = weigh(running, found)
        if change.how is How.NOTHING:
            return about | {"state": "taken"}
        return about | {
            "state": "changed",
            "change": change.what,
            "takes": change.how.value,
            "obstacles": list(self._obstacles(found)) if change.how is How.RESTART else [],
            "left_behind": dict(self._left_behind(found)),
        }

    def _read(self) -> Settings | SettingsError:
        try:
            now = self._path.stat()
            signature: tuple[int, ...] | None = (now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino)
        except (OSError, ValueError):
            signature = None
        if self._found is None or signature is None or signature != self._signature:
            try:
                self._found = load(self._path)
            except SettingsError as problem:
                self._found = problem
            self._signature = signature
        return self._found
