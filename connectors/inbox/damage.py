"""Damage: what of an inbox could not be read, said once and in plain words."""

from typing import NamedTuple


class Damage(NamedTuple):
    """An event, or a file, that is not as it was written."""

    path: str
    problem: str
    """What is wrong and what that means, in plain words. Holds nothing of any event."""

    def __str__(self) -> str:
        """Print as `path: problem`."""
        return f"{self.path}: {self.problem}"
