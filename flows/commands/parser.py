"""The frame of the operator's commands: each is a module of `flows.commands` with `add_arguments` and `run`.

Exit codes: 0 done or stopped cleanly; 1 failed while running; 2 wrong usage or settings, nothing was started.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

FAILED: Final = 1


class _Command(NamedTuple):
    summary: str
    takes_settings: bool = True


COMMANDS: Final = {
    "init": _Command("write a commented stream.toml", takes_settings=False),
    "check": _Command("validate the settings, and reach for everything that they name"),
    "explain": _Command("say what would happen to the events on stdin or in files; sends nothing"),
    "send-test": _Command("send one real event to AppsFlyer, and say what the answer means"),
    "run": _Command("start the stream"),
    "reload": _Command("let the running stream read its settings again"),
    "status": _Command("what a running stream is at, and what holds it up"),
    "top": _Command("watch running slices: rates, lag, circuits, outcomes"),
    "replay": _Command("send dead letters again, by reason, sync and time; nothing twice"),
    "rekey": _Command("copy a topic to one keyed by user id, else device id, as slices need it"),
    "reslice": _Command("change the number of slices: deal out what the stopped ones have stored"),
    "forget": _Command("take a person out of what the stopped stream has stored"),
    "sandbox": _Command("a stand-in AppsFlyer with its documented checks, answers and faults", takes_settings=False),
    "schema": _Command("print the JSON Schema of the settings, for editors", takes_settings=False),
}


Run = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return the exit code. argparse itself exits with 2 on wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser, run = build(given[0] if given else None)
    args = parser.parse_args(given)
    if run is None:
        parser.print_help()
        return 0
    return _guarded(run, args)


def build(wanted: str | None) -> tuple[argparse.ArgumentParser, Run | None]:
    """Return the parser, complete for the wanted command alone, and what runs it; None where there is no such one."""
    parser = argparse.ArgumentParser(
        prog="python -m flows", description="The event stream from Amplitude to AppsFlyer.", allow_abbrev=False
    )
    parser.add_argument("-V", "--version", action=_Version, nargs=0, help="show the versions and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run: Run | None = None
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.summary, description=command.summary, allow_abbrev=False)
        if name == wanted:
            # Only the wanted command is imported: starting is fast, and a broken command breaks no other.
            module = import_module(f"flows.commands.{name.replace('-', '_')}")
            subparser.description = (module.__doc__ or command.summary).strip()
            subparser.formatter_class = argparse.RawDescriptionHelpFormatter
            if command.takes_settings:
                _add_settings(subparser)
            module.add_arguments(subparser)
            run = module.run
    if wanted is not None and run is None and (near := get_close_matches(wanted, COMMANDS, n=1)):
        parser.error(f"there is no command {wanted!r}; did you mean {near[0]!r}?")
    return parser, run


class _Version(argparse.Action):
    """Prints the versions that a report of a defect needs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and exit; nothing is looked up until it is asked for."""
        versions = import_module("importlib.metadata")
        python = ".".join(map(str, sys.version_info[:3]))
        ours, engine = (versions.version(name) for name in ("amplitude-appsflyer-stream", "bytewax"))
        sys.stdout.write(f"amplitude-appsflyer-stream {ours}, Bytewax {engine}, Python {python}\n")
        parser.exit()


def _guarded(run: Run, args: argparse.Namespace) -> int:
    try:
        code = run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return FAILED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        default=Path(os.environ.get("STREAM_SETTINGS") or "stream.toml"),
        help="the settings file (default: $STREAM_SETTINGS, else stream.toml)",
    )
