"""Where the state of each slice is, and whether what is there belongs to another number of slices."""

import re
from pathlib import Path
from typing import Final

STAGING: Final = ".reslice"
"""Below a state directory: what is being prepared. Nothing starts beside it."""
READY: Final = "ready"
"""In the first staging directory: everything is prepared, and only has to be put in its place."""
PARTS: Final = ("recovery", "users", "journal", "overflow")
"""What the state of a slice consists of."""


class Places:
    """The state directories: one for all slices of a host, or one for each slice, as volumes of their own are."""

    def __init__(self, roots: list[Path]) -> None:
        self.roots = roots

    def root(self, index: int) -> Path:
        """Return the state directory of a slice. Raises IndexError."""
        return self.roots[0] if len(self.roots) == 1 else self.roots[index]

    def slice(self, index: int, count: int) -> Path:
        """Return where a slice keeps its state."""
        return slice_directory(self.root(index), index, count)

    def staged(self, index: int, count: int) -> Path:
        """Return where the state of a new slice is prepared: on the disk that it will be on."""
        return self.root(index) / STAGING / f"slice-{index}-of-{count}"

    @property
    def ready(self) -> Path:
        """The file that says that everything is prepared."""
        return self.roots[0] / STAGING / READY


def slice_directory(root: Path, index: int, count: int) -> Path:
    """Return the directory of one slice below a state directory; without slices, that directory itself."""
    return root if count == 1 else root / f"slice-{index}-of-{count}"


def has_state(directory: Path) -> bool:
    """Return whether a slice has stored something there."""
    if any(directory.glob("recovery/part-*.sqlite3")):
        return True
    return any(segment.stat().st_size for segment in directory.glob("journal/*.journal"))


def obstacle(root: Path, count: int) -> str | None:
    """Return why no slice of `count` may start on a state directory, and what to do; None if it may.

    What another number of slices has stored there would be read and sent a second time.
    """
    if any((root / STAGING).glob("*")):
        return f"{root / STAGING}: a change of the number of slices is not done; run that reslice again"
    others = {1} if count != 1 and has_state(root) else set()
    for directory in root.glob("slice-*-of-*"):
        named = re.fullmatch(r"slice-[0-9]+-of-([0-9]+)", directory.name)
        if named is not None and int(named[1]) != count and has_state(directory):
            others.add(int(named[1]))
    if not others:
        return None
    before = min(others)
    slices = "one slice" if before == 1 else f"{before} slices"
    return (
        f"{root} holds the state of {slices}, and this is one of {count}: what they have sent would be sent again; "
        f"stop them, then `python -m flows reslice --from {before} --to {count}`"
    )
