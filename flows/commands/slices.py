"""The flag that names a slice, for the commands that start one."""

import argparse
import os

from flows.domain.slice import Slice, read_slice


def add_slice(parser: argparse.ArgumentParser, does: str) -> None:
    """Declare it. `does` says what the command does with the partitions of its slice."""
    parser.add_argument(
        "--slice",
        type=parse_slice,
        metavar="i/N",
        default=os.environ.get("STREAM_SLICE") or None,
        help=f"{does} the Kafka partitions p with p mod N = i, counted from 0 (default: $STREAM_SLICE, else all)",
    )


def parse_slice(text: str) -> Slice:
    """Read `i/N`. Raises argparse's error for anything else."""
    try:
        return read_slice(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"found {text!r}; {problem}; write for example 0/4") from None
