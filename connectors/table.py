"""The base of every table of settings; a kind's own tables stand in its folder."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict

Location = tuple[str | int, ...]
"""Where a value stands in the parsed file: keys, and places in lists counted from 0."""
Broken = tuple[Location, str]
"""Where a rule between several keys is broken, and the text of the problem."""
NOT_SHOWN: Final = "a value that is not shown"


class Table(BaseModel):
    """A table of the file. Keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Draft(Protocol):
    """The file as it was parsed, for rules between several keys: the rest of it may be wrong."""

    def table(self, key: str) -> dict[str, Any]:
        """Return a table of the top level, empty if it is missing or none."""

    def has(self, location: Location, table: Mapping[str, Any], key: str) -> bool:
        """Whether the table at the location has the key, or has it misspelt; an empty list counts as nothing."""

    def found(self, value: Any, location: Location) -> str:
        """Return how a value is shown."""


def no_rules(draft: Draft) -> Iterator[Broken]:
    """Of a kind whose keys are free of each other."""
    del draft
    return iter(())
