"""The parser of the operator's commands: each is a module of `flows.commands` with `add_arguments` and `run`."""

import argparse
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from flows.commands.program import as_called, program


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
    "completion": _Command("print the completion of ampfly for bash, zsh or fish", takes_settings=False),
}


Run = Callable[[argparse.Namespace], int]


def build(wanted: str | None) -> tuple[argparse.ArgumentParser, Run | None]:
    """Return the parser, complete for the wanted command alone, and what runs it; None where there is no such one."""
    parser, commands = _build(program())
    run: Run | None = None
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.summary, description=command.summary, allow_abbrev=False)
        if name == wanted:
            # Only the wanted command is imported: starting is fast, and a broken command breaks no other.
            run = _complete(name, subparser)
    if wanted is not None and run is None and (near := get_close_matches(wanted, COMMANDS, n=1)):
        parser.error(f"there is no command {wanted!r}; did you mean {near[0]!r}?")
    return parser, run


def build_all(prog: str) -> argparse.ArgumentParser:
    """Return the parser with every command's flags, called by that name."""
    parser, commands = _build(prog)
    for name, command in COMMANDS.items():
        _complete(name, commands.add_parser(name, help=command.summary, allow_abbrev=False))
    return parser


def _build(prog: str) -> "tuple[argparse.ArgumentParser, argparse._SubParsersAction[argparse.ArgumentParser]]":
    parser = argparse.ArgumentParser(
        prog=prog, description="The event stream from Amplitude to AppsFlyer.", allow_abbrev=False
    )
    parser.add_argument("-V", "--version", action=_Version, nargs=0, help="show the versions and exit")
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND")


def _complete(name: str, subparser: argparse.ArgumentParser) -> Run:
    """Give a command's parser its flags; return what runs it."""
    module = import_module(f"flows.commands.{name.replace('-', '_')}")
    subparser.description = as_called((module.__doc__ or COMMANDS[name].summary).strip())
    subparser.formatter_class = argparse.RawDescriptionHelpFormatter
    if COMMANDS[name].takes_settings:
        _add_settings(subparser)
    module.add_arguments(subparser)
    run: Run = module.run
    return run


class _Version(argparse.Action):
    """Prints the versions that a report of a defect needs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and exit; nothing is looked up until it is asked for."""
        versions = import_module("importlib.metadata")
        python = ".".join(map(str, sys.version_info[:3]))
        ours, engine = (versions.version(name) for name in ("amplitude-appsflyer-stream", "bytewax"))
        sys.stdout.write(f"amplitude-appsflyer-stream {ours}, Bytewax {engine}, Python {python}\n")
        parser.exit()


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        default=Path(os.environ.get("STREAM_SETTINGS") or "stream.toml"),
        help="the settings file (default: $STREAM_SETTINGS, else stream.toml)",
    )
