"""Check the settings and everything that they name: keys, files, Kafka, and the way to AppsFlyer. Sends no event.

Exit code 0 if all is fine, 2 if the settings or keys are wrong, 1 if something is missing or cannot be reached.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from connectors.finding import Finding, Mark
from connectors.kinds import source_of, store_of
from flows.commands.program import as_called
from flows.domain.printable import printable
from flows.operations.check.appsflyer import appsflyer
from flows.operations.check.directories import directories
from flows.operations.check.left_behind import left_behind
from flows.operations.check.sample import look_at
from flows.operations.check.syncs import syncs
from flows.runtime.environment import ignored
from flows.settings import SettingsError, load

SUMMARY: Final = "validate the settings, and reach for everything that they name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: it has none of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print the checklist, line by line as it comes; return the worst line's exit code, 2 before 1."""
    console = Console(highlight=False, soft_wrap=True)
    codes = []
    for finding in _findings(args.settings):
        sign, colour, code = finding.mark.value
        text = f"{finding.text}; {finding.do}" if finding.do else finding.text
        console.print(Text.assemble((f"{sign} ", colour), printable(as_called(text))))
        codes.append(code)
    return max(codes)


def _findings(path: Path) -> Iterator[Finding]:
    try:
        settings = load(path)
    except SettingsError as error:
        yield from (Finding(Mark.WRONG, str(problem)) for problem in error.problems)
        return
    if names := ignored():
        yield Finding(
            Mark.NOTE,
            f"environment: {', '.join(names)}: ignored",
            "the settings decide where the stream connects and whom it trusts, such as delivery.proxy",
        )
    yield from syncs(settings, path)
    yield from directories(settings)
    yield from left_behind(settings)
    yield from source_of(settings.source).check(settings.state.directory, partial(look_at, settings))
    yield from store_of(settings.dead_letters).check()
    yield from appsflyer(settings)
