"""Obstacles: what keeps a stream from starting although its settings have no mistake, and what to do about each."""

from pathlib import Path
from typing import Final

from connectors.files.intake import any_file
from connectors.secrets import Secret, SecretError
from flows.reslicing.places import obstacle
from flows.settings.model import FilesSource, Settings
from flows.slices import Slice

NOTHING_READ: Final = 1
"""The exit code of a start that finds no file to read."""


def nothing_to_read(settings: Settings) -> str | None:
    """Say that no file matches, where that is so and none is waited for. Such a start ends with `NOTHING_READ`."""
    source = settings.source
    if not isinstance(source, FilesSource) or source.follow or any_file(source.paths):
        return None
    return f"source.paths: no file matches {', '.join(source.paths)}, so nothing was read; correct it"


def obstacles(settings: Settings, path: Path, part: Slice | None) -> list[str]:
    """Return what is wrong beyond the settings: no enabled sync, a missing key, slices of files, others' state."""
    problems = unready_syncs(settings, path)
    if isinstance(settings.source, FilesSource) and part is not None and part.count > 1:
        problems.append(f"{path}: source.kind: slices divide Kafka's partitions, files have none; leave out --slice")
    in_the_way = obstacle(settings.state.directory, part.count if part is not None else 1)
    if in_the_way is not None:
        problems.append(f"{path}: state.directory: {in_the_way}")
    return problems


def unready_syncs(settings: Settings, path: Path) -> list[str]:
    """Return what keeps syncs from sending: none is enabled, or the key of one that is, is missing."""
    enabled = [each for each in settings.syncs if each.enabled]
    if not enabled:
        return [f"{path}: sync: no sync is enabled; set enabled = true where the stream is to begin"]
    problems = []
    for each in enabled:
        for key in each.keys:
            try:
                Secret(key).value()
            except SecretError as error:
                problems.append(f"{path}: sync[{each.name}].{each.key_kind}: {error}")
    return problems
