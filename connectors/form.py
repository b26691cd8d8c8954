"""The form of a kind: how its table is written in stream.toml, and where the connector is that it belongs to.

A form imports no library of an outside system, because every command reads the settings.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from connectors.table import Broken, Draft, Table, no_rules


class Form(NamedTuple):
    """One kind of source, or of place for dead letters, as `[source]` or `[dead_letters]` names it."""

    table: type[Table]
    own_keys: tuple[str, ...]
    """The keys that tell that this kind is meant where `kind` does not."""
    connector: str
    """The class that implements the port, `module:name`; it is imported where it is used."""
    broken: Callable[[Draft], Iterator[Broken]] = no_rules
    """Yields which rules between several keys a settings file breaks."""
    read_anew: str | None = None
    """What a start of such a source without a recovery store reads again from its beginning."""


class SourceSettings(Protocol):
    """`[source]` of one kind, frozen."""

    kind: ClassVar[str]


class LetterSettings(Protocol):
    """`[dead_letters]` of one kind, frozen."""

    kind: ClassVar[str]


class SourceTable(Protocol):
    """`[source]` of one kind, as it is written."""

    def settings(self, base: Path) -> SourceSettings:
        """Return the settings; relative paths start at `base`."""


class LetterTable(Protocol):
    """`[dead_letters]` of one kind, as it is written."""

    def settings(self, base: Path, source: SourceSettings) -> LetterSettings:
        """Return the settings; what is not given may be the source's."""
