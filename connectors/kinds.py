"""The kinds of sources and of places for dead letters: a new one is a folder, and a row here.

Nowhere else is a kind asked for.
"""

from collections.abc import Mapping
from typing import Final

from connectors.files.kind import ArchiveSource, LetterFiles
from connectors.kafka.kind import LetterTopic, TopicSource
from connectors.ports import DeadLetterStore, LetterSettings, Source, SourceSettings

SOURCES: Final[Mapping[str, type[Source]]] = {
    "kafka": TopicSource,
    "files": ArchiveSource,
}
"""`[source] kind` → what reads it."""
DEAD_LETTERS: Final[Mapping[str, type[DeadLetterStore]]] = {
    "kafka": LetterTopic,
    "files": LetterFiles,
}
"""`[dead_letters] kind` → what stores them."""
DEFAULT_DEAD_LETTERS: Final = "files"


def source_of(settings: SourceSettings) -> Source:
    """Return what reads the source of these settings."""
    return SOURCES[settings.kind](settings)


def store_of(settings: LetterSettings) -> DeadLetterStore:
    """Return what stores the dead letters of these settings."""
    return DEAD_LETTERS[settings.kind](settings)
