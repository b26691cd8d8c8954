"""Main: the command that the arguments name, and how its process ends: flows/refusal.py has the exit codes."""

import argparse
import os
import sys
from collections.abc import Sequence

from flows.commands.parser import Run, build
from flows.refusal import ExitCode, Refusal, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return the exit code. argparse itself exits with 2 on wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser, run = build(given[0] if given else None)
    args = parser.parse_args(given)
    if run is None:
        parser.print_help()
        return ExitCode.DONE
    return _guarded(run, args)


def _guarded(run: Run, args: argparse.Namespace) -> int:
    try:
        code = run(args)
        sys.stdout.flush()
    except Refusal as refusal:
        return say(refusal)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return ExitCode.FAILED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    return code
