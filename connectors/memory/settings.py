"""The settings of a source and of dead letters in memory. They have no table: nobody writes them into a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from connectors.dead_letters import StoredLetter


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Values that are read once, in order."""

    kind: ClassVar[str] = "memory"
    values: Sequence[bytes]
    name: str = "memory"


@dataclass(frozen=True, slots=True)
class MemoryDeadLetters:
    """Letters that live as long as these settings."""

    kind: ClassVar[str] = "memory"
    letters: list[StoredLetter | None] = field(default_factory=list)
    """None where one was erased."""
