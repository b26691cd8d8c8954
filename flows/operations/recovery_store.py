"""The recovery store of a flow: Bytewax's own, made before the first start."""

from pathlib import Path

from connectors.state.damage import READ_AGAIN
from connectors.state.disk import await_room
from connectors.state.engine_store import is_no_store, make_store
from connectors.state.layout import Layout
from flows.domain.slice import ALL, Slice
from flows.refusal import Refusal
from flows.settings.model import Settings


def store_of_stream(settings: Settings, path: Path, part: Slice | None) -> Path:
    """Return the store of the stream, or of a slice of it; make it the first time. Raises Refusal.

    A new number of slices has new ones: their partitions differ.
    """
    directory = Layout(settings.state.slice_directory(part or ALL)).recovery
    if is_no_store(directory):
        raise Refusal(f"{path}: state.directory: {directory} is no recovery store; {READ_AGAIN}")
    try:
        await_room(directory.parent)
    except OSError as error:
        raise _unmakable(path, directory, error) from error
    return made(directory, path)


def made(directory: Path, path: Path) -> Path:
    """Return the directory of a store; make it the first time. Raises Refusal that names the settings file."""
    try:
        make_store(directory)
    except OSError as error:
        raise _unmakable(path, directory, error) from error
    return directory


def _unmakable(path: Path, directory: Path, error: OSError) -> Refusal:
    reason = f"cannot make {directory} ({error.strerror})"
    return Refusal(f"{path}: state.directory: {reason}; expected a directory to write to; change it")
