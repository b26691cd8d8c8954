"""Print the completion of `ampfly` for a shell: commands, flags, their values, files.

    ampfly completion bash > ~/.local/share/bash-completion/completions/ampfly
    ampfly completion zsh > ~/.zfunc/_ampfly                      with fpath+=~/.zfunc before compinit in ~/.zshrc
    ampfly completion fish > ~/.config/fish/completions/ampfly.fish

What is printed needs no Python when a key is pressed. Print it again after an update.
"""

import argparse
import sys
from typing import Final

import shtab

from flows.commands.parser import build_all
from flows.program import SCRIPT

SUMMARY: Final = "print the completion of ampfly for bash, zsh or fish"
TAKES_SETTINGS: Final = False

_SHELLS: Final = ("bash", "zsh", "fish")
_KINDS: Final = {"FILE": shtab.FILE, "GLOB": shtab.FILE, "DIR": shtab.DIRECTORY, "DIRECTORY": shtab.DIRECTORY}
"""What the value of a flag is completed with, by how the help names it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's argument."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    parser = build_all(SCRIPT)
    _name_places(parser)
    sys.stdout.write(shtab.complete(parser, args.shell) + "\n")
    return 0


def _name_places(parser: argparse.ArgumentParser) -> None:
    """Let what takes a file or a directory be completed with those that are there."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to its actions; shtab goes it, too
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for each in action.choices.values():
                _name_places(each)
        elif action.metavar in _KINDS:
            action.complete = _KINDS[action.metavar]  # type: ignore[attr-defined]  # where shtab looks for it
