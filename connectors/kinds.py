"""The kinds of sources and of places for dead letters: a new one is a folder, and a row here.

Nowhere else is a kind asked for.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Final

from connectors.files import settings as files
from connectors.form import Form, LetterSettings, SourceSettings
from connectors.inbox import settings as inbox
from connectors.kafka import settings as kafka

if TYPE_CHECKING:
    from connectors.ports import DeadLetterStore, Source

SOURCES: Final[Mapping[str, Form]] = {
    "kafka": kafka.SOURCE,
    "files": files.SOURCE,
    "inbox": inbox.SOURCE,
}
"""`[source] kind` → its form; the connector implements `Source`."""
DEAD_LETTERS: Final[Mapping[str, Form]] = {
    "kafka": kafka.DEAD_LETTERS,
    "files": files.DEAD_LETTERS,
}
"""`[dead_letters] kind` → its form; the connector implements `DeadLetterStore`."""
DEFAULT_DEAD_LETTERS: Final = "files"


def source_of(settings: SourceSettings) -> "Source":
    """Return what reads the source of these settings."""
    connector: type[Source] = resolve_name(SOURCES[settings.kind].connector)
    return connector(settings)


def store_of(settings: LetterSettings) -> "DeadLetterStore":
    """Return what stores the dead letters of these settings."""
    connector: type[DeadLetterStore] = resolve_name(DEAD_LETTERS[settings.kind].connector)
    return connector(settings)
