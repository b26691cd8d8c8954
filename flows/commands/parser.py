"""The parser of the commands: each is a module of `flows.commands` with `SUMMARY`, `add_arguments` and `run`."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from flows.program import as_called, program

_IN_ORDER_OF_USE: Final = ("init", "check", "explain", "send-test", "run")
"""These come first in the help; the others follow by name."""
_SUMMARY: Final = re.compile(r'^SUMMARY: Final = "(.+)"$', re.MULTILINE)


def _summaries() -> dict[str, str]:
    """Return each command's summary, which makes a module one. No module is imported for it.

    Starting is fast so, and a broken command breaks no other.
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if summary := _SUMMARY.search(path.read_text(encoding="utf-8")):
            found[path.stem.replace("_", "-")] = summary[1]
    return {name: found[name] for name in dict.fromkeys((*_IN_ORDER_OF_USE, *found))}


COMMANDS: Final = _summaries()


Run = Callable[[argparse.Namespace], int]


def build(wanted: str | None) -> tuple[argparse.ArgumentParser, Run | None]:
    """Return the parser, complete for the wanted command alone, and what runs it; None where there is no such one."""
    parser, commands = _build(program())
    run: Run | None = None
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name == wanted:
            run = _complete(name, subparser)
    if wanted is not None and run is None and (near := get_close_matches(wanted, COMMANDS, n=1)):
        parser.error(f"there is no command {wanted!r}; did you mean {near[0]!r}?")
    return parser, run


def build_all(prog: str) -> argparse.ArgumentParser:
    """Return the parser with every command's flags, called by that name."""
    parser, commands = _build(prog)
    for name, summary in COMMANDS.items():
        _complete(name, commands.add_parser(name, help=summary, allow_abbrev=False))
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
    subparser.description = as_called((module.__doc__ or COMMANDS[name]).strip())
    subparser.formatter_class = argparse.RawDescriptionHelpFormatter
    if getattr(module, "TAKES_SETTINGS", True):
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
