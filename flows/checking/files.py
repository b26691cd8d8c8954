"""The archives: whether there are any."""

import glob
from collections.abc import Iterator
from pathlib import Path

from flows.checking.finding import Finding, Mark
from flows.settings.model import FilesSource


def files(source: FilesSource) -> Iterator[Finding]:
    """Yield what is found of each pattern."""
    for pattern in source.paths:
        there = [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207 (absolute)
        if there:
            yield Finding(Mark.FINE, f"source.paths: {pattern}: {len(there):,} found")
        elif source.follow:
            yield Finding(Mark.NOTE, f"source.paths: {pattern}: nothing there yet")
        else:
            yield Finding(
                Mark.FAILED, f"source.paths: {pattern}: nothing there", "put the archives there, or correct it"
            )
