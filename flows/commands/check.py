"""Check the settings and everything that they name: keys, files, Kafka, and the way to AppsFlyer. Sends no event.

    python -m flows check --json        each finding as a line of JSON: mark (fine, note, wrong, failed), key, text, do

Exit code 0 if all is fine, 2 if the settings or keys are wrong, 1 if something is missing or cannot be reached.
"""

import argparse
import sys
from typing import Final

import orjson
from rich.console import Console
from rich.text import Text

from flows.domain.printable import printable, printable_json
from flows.operations.check.findings import findings
from flows.program import as_called

SUMMARY: Final = "validate the settings, and reach for everything that they name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flag."""
    parser.add_argument("--json", action="store_true", help="print each finding as a line of JSON")


def run(args: argparse.Namespace) -> int:
    """Print the checklist, line by line as it comes; return the worst line's exit code, 2 before 1."""
    console = Console(highlight=False, soft_wrap=True)
    codes = []
    for finding in findings(args.settings):
        sign, colour, code = finding.mark.value
        codes.append(code)
        if args.json:
            called = finding._replace(text=as_called(finding.text), do=as_called(finding.do))
            sys.stdout.write(printable_json(orjson.dumps(called.as_json())).decode() + "\n")
            sys.stdout.flush()
            continue
        text = f"{finding.text}; {finding.do}" if finding.do else finding.text
        console.print(Text.assemble((f"{sign} ", colour), printable(as_called(text))))
    return max(codes)
