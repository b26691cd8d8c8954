"""Main: the command that the arguments name, and how its process ends.

Exit codes: 0 done or stopped cleanly; 1 failed while running; 2 wrong usage or settings, nothing was started.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from flows.commands.parser import Run, build

_FAILED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return the exit code. argparse itself exits with 2 on wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser, run = build(given[0] if given else None)
    args = parser.parse_args(given)
    if run is None:
        parser.print_help()
        return 0
    return _guarded(run, args)


def _guarded(run: Run, args: argparse.Namespace) -> int:
    try:
        code = run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return _FAILED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    return code
