"""Obstacles: what keeps a stream from starting although its settings have no problem, and what to do about each."""

import os
from collections.abc import Iterator
from pathlib import Path

from connectors.kinds import source_of, store_of
from connectors.secrets import Secret, SecretError
from connectors.state.layout import obstacle
from flows.domain.slice import Slice
from flows.settings.model import Settings


def nothing_to_read(settings: Settings) -> str | None:
    """Say that there is nothing to read, if nothing is waited for. Such a start ends with `FAILED`."""
    return source_of(settings.source).nothing_to_read()


def obstacles(settings: Settings, path: Path, part: Slice | None) -> list[str]:
    """Return what is wrong beyond the settings, each with the file and the key.

    No enabled sync, a secret or a file that cannot be read, a directory that cannot be written, slices of files, the
    state of others. It asks nobody over the network and leaves everything as it is.
    """
    problems = unready_syncs(settings, path)
    problems += [f"{path}: {each}" for each in _unreadable(settings)]
    unsliceable = source_of(settings.source).unsliceable
    if unsliceable is not None and part is not None and part.count > 1:
        problems.append(f"{path}: source.kind: {unsliceable}; leave out --slice")
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
    """Yield which secret and which file cannot be read, and which directory cannot be written."""
    store, ca_file = store_of(settings.dead_letters), settings.delivery.ca_file
    yield from source_of(settings.source).obstacles()
    yield from store.obstacles()
    if ca_file is not None and not (os.path.isfile(ca_file) and os.access(ca_file, os.R_OK)):  # noqa: PTH113 - never raises
        yield f"delivery.ca_file: {ca_file} cannot be read; correct it, or leave it out"
    for key, directory in store.directories.items():
        if (closed := unwritable(directory)) is not None:
            yield f"{key}: {closed} cannot be written; give this user the right, or change it"


def unwritable(directory: Path) -> Path | None:
    """Return what keeps a directory from being written or made: itself or the one above it that is there, or None."""
    there = next(each for each in (directory, *directory.parents) if os.path.exists(each))  # noqa: PTH110 - never raises
    return None if there.is_dir() and os.access(there, os.W_OK | os.X_OK) else there
