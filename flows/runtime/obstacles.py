"""Obstacles: what keeps a stream from starting although its settings have no mistake, and what to do about each."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from connectors.files.intake import any_file
from connectors.files.settings import FileDeadLetters, FilesSource
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from connectors.secrets import Secret, SecretError, resolve_properties
from connectors.state.layout import obstacle
from flows.domain.slice import Slice
from flows.settings.model import Settings

NOTHING_READ: Final = 1
"""The exit code of a start that finds no file to read."""


def nothing_to_read(settings: Settings) -> str | None:
    """Say that no file matches, where that is so and none is waited for. Such a start ends with `NOTHING_READ`."""
    source = settings.source
    if not isinstance(source, FilesSource) or source.follow or any_file(source.paths):
        return None
    return f"source.paths: no file matches {', '.join(source.paths)}, so nothing was read; correct it"


def obstacles(settings: Settings, path: Path, part: Slice | None) -> list[str]:
    """Return what is wrong beyond the settings, each with the file and the key.

    No enabled sync, a secret or a file that cannot be read, a directory that cannot be written, slices of files, the
    state of others. It asks nobody over the network and leaves everything as it is.
    """
    problems = unready_syncs(settings, path)
    problems += [f"{path}: {each}" for each in _unreadable(settings)]
    if isinstance(settings.source, FilesSource) and part is not None and part.count > 1:
        problems.append(f"{path}: source.kind: slices divide Kafka's partitions, files have none; leave out --slice")
    count = part.count if part is not None else 1
    in_the_way = obstacle(settings.state.directory, count)
    if in_the_way is not None:
        problems.append(f"{path}: state.directory: {in_the_way}")
    if (too_few := too_few_requests(settings, count)) is not None:
        problems.append(f"{path}: {too_few}")
    return problems


def too_few_requests(settings: Settings, slice_count: int) -> str | None:
    """Say that the limit leaves some slice without a request per second, where that is so."""
    most = settings.delivery.max_requests_per_second
    if slice_count == 1 or not most or most >= slice_count:
        return None
    return (
        f"delivery.max_requests_per_second: {most:g} cannot be divided among {slice_count} slices; expected at least 1 "
        "for each; raise it, or start fewer slices"
    )


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


def _unreadable(settings: Settings) -> Iterator[str]:
    """Yield which secret of Kafka's and which file cannot be read, and which directory cannot be written."""
    letters, ca_file = settings.dead_letters, settings.delivery.ca_file
    for table, place in (("source", settings.source), ("dead_letters", letters)):
        if isinstance(place, KafkaSource | KafkaDeadLetters):
            for each in place.properties:
                try:
                    resolve_properties((each,))
                except SecretError as error:
                    yield f"{table}.properties: {each[0]}: {error}"
    if ca_file is not None and not (os.path.isfile(ca_file) and os.access(ca_file, os.R_OK)):  # noqa: PTH113 - never raises
        yield f"delivery.ca_file: {ca_file} cannot be read; correct it, or leave it out"
    if isinstance(letters, FileDeadLetters) and (closed := unwritable(letters.directory)) is not None:
        yield f"dead_letters.directory: {closed} cannot be written; give this user the right, or change it"


def unwritable(directory: Path) -> Path | None:
    """Return what keeps a directory from being written or made: itself or the one above it that is there, or None."""
    there = next(each for each in (directory, *directory.parents) if os.path.exists(each))  # noqa: PTH110 - never raises
    return None if there.is_dir() and os.access(there, os.W_OK | os.X_OK) else there
