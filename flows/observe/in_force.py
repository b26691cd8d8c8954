"""In force: the settings that the process goes by, and what came of the last wish to read them again."""

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


class Reload(NamedTuple):
    """What came of the last wish to read the settings again."""

    at: datetime
    result: str
    """In words, without any value of the settings."""
    ok: bool = True
    """Whether the settings were taken."""


class InForce:
    """The settings in force. Only what reads them again changes them; others look."""

    def __init__(self, settings: Settings) -> None:
        self.reload: Reload | None = None
        self.look_at_file: Callable[[], dict[str, Any]] | None = None
        """Looks at the settings file, which may be another by now than what was taken."""
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Go by these from now on, and take their file's hash."""
        self.settings = settings
        try:
            self.sha256 = hashlib.sha256(settings.path.read_bytes()).hexdigest()
        except OSError:
            self.sha256 = ""
