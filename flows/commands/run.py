"""Start the stream: read the settings, make the recovery store the first time, and become Bytewax.

Each slice is a process of its own: with --slice i/N it owns the Kafka partitions p with p mod N = i, and its own state.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from connectors.state.damage import READ_AGAIN
from connectors.state.disk import await_room
from connectors.state.engine_store import is_no_store, make_store
from connectors.state.layout import Layout
from connectors.state.private import keep_private
from flows.commands.slices import add_slice
from flows.domain.slice import ALL, Slice
from flows.runtime.lifecycle import become
from flows.runtime.logs import configure_logs
from flows.runtime.obstacles import NOTHING_READ, nothing_to_read, obstacles
from flows.runtime.signals import let_reload_wait
from flows.settings import SettingsError, load
from flows.settings.model import Settings

SUMMARY: Final = "start the stream"

FLOW = "flows.stream"
_WRONG_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_slice(parser, "own")


def run(args: argparse.Namespace) -> int:
    """Become the stream; returns only if it cannot be started."""
    configure_logs()
    keep_private()
    try:
        settings = load(args.settings)
    except SettingsError as error:
        return _refuse(str(error))
    problems = list(obstacles(settings, args.settings, args.slice))
    if problems:
        return _refuse("\n".join(problems))
    if (nothing := nothing_to_read(settings)) is not None:
        sys.stderr.write(f"{args.settings}: {nothing}\n")
        return NOTHING_READ
    directory = recovery_directory(settings, args.slice)
    if is_no_store(directory):
        return _refuse(f"{args.settings}: state.directory: {directory} is no recovery store; {READ_AGAIN}")
    try:
        await_room(directory.parent)
        make_store(directory)
    except OSError as error:
        reason = f"cannot make {directory} ({error.strerror})"
        return _refuse(f"{args.settings}: state.directory: {reason}; expected a directory to write to; change it")
    return _become(settings, directory, args.slice)


def _become(settings: Settings, directory: Path, part: Slice | None) -> NoReturn:
    os.environ["STREAM_SETTINGS"] = str(settings.path)
    if part is not None:
        os.environ["STREAM_SLICE"] = str(part)
    let_reload_wait()
    become(command(directory, settings.state.epoch_seconds))


def command(directory: Path, epoch_seconds: int) -> list[str]:
    """Return the command line of the stream, with recovery on and no snapshots kept beyond the last (`-b 0`)."""
    recovery = ["-r", str(directory), "-s", str(epoch_seconds), "-b", "0"]
    return [sys.executable, "-m", "bytewax.run", FLOW, *recovery]


def recovery_directory(settings: Settings, part: Slice | None) -> Path:
    """Return where Bytewax's recovery store is. A new number of slices has new ones: their partitions differ."""
    return Layout(settings.state.slice_directory(part or ALL)).recovery


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return _WRONG_USAGE
