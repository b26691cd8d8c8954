"""Runs the stream over hostile topics, one after another, and prints what memory each took at the most.

Each would take gigabytes of a stream whose memory is not bounded. docs/security.md says what bounds it.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.tools.load.hostile.kinds import KINDS, ORDINARY
from tests.tools.load.hostile.run import FailedError, accounted, run


def main(arguments: Sequence[str]) -> int:
    """Run them; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make memory HOSTILE=1", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, default=Path("run/hostile"), help="default: run/hostile")
    directory = parser.parse_args(arguments).directory / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    console = Console(highlight=False)
    table = Table(title="Peak of the process's memory in MB, and what of it is beyond that of ordinary events")
    for heading in ("topic", "read", "letters", "peak", "beyond", "bound", "what bounds it"):
        is_text = heading in ("topic", "what bounds it")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=not is_text)
    ordinary_mb, is_within = 0.0, True
    for number, kind in enumerate((ORDINARY, *KINDS)):
        console.print(f"{kind.name} …", style="dim")
        try:
            figures = run(kind, (directory / str(number)).absolute())
        except FailedError as problem:
            console.print(f"{kind.name}: the stream has failed", style="red")
            sys.stderr.write(f"{problem}\n")
            return 1
        peak_mb, summary = figures.peak_bytes / 2**20, figures.summary
        ordinary_mb = ordinary_mb or peak_mb
        beyond_mb = peak_mb - ordinary_mb
        holds = accounted(kind, figures) and (kind is ORDINARY or beyond_mb <= kind.bound_mb)
        is_within = is_within and holds
        letters = sum(summary["refused"].values()) + sum(summary["syncs"]["one"]["dead_lettered"].values())
        table.add_row(
            kind.name,
            f"{summary['read']:,}",
            f"{letters:,}",
            f"{peak_mb:,.0f}",
            f"{beyond_mb:,.0f}",
            f"{kind.bound_mb:,}" if kind is not ORDINARY else "",
            kind.by,
            style="" if holds else "red",
        )
        shutil.rmtree(directory / str(number), ignore_errors=True)
    console.print(table)
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
