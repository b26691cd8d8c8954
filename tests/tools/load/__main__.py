"""`make load`: how the stream fares under a given load, on this machine, with nothing sent to AppsFlyer."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from connectors.files.damage import UnreadableError
from flows.settings import SettingsError
from tests.tools.load.archive import Archive, EmptyArchiveError
from tests.tools.load.broker import NoBrokerError
from tests.tools.load.plan import parse
from tests.tools.load.report import print_report, write_report
from tests.tools.load.run import run
from tests.tools.load.stopping import Shutdown
from tests.tools.load.waiting import NotStartedError

_FAILED, _WRONG_USAGE = 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run the load test of a command line; return the exit code."""
    plan = parse(arguments)
    console = Console(highlight=False)
    if plan.archive is not None:
        try:
            Archive(plan.archive, "")
        except (EmptyArchiveError, UnreadableError) as problem:
            return _complain(f"{plan.archive}: {problem}", _WRONG_USAGE)
    directory = plan.directory / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    with Shutdown().on_signals() as shutdown:
        try:
            result = run(plan, directory, console, shutdown)
        except SettingsError as problem:
            return _complain(str(problem), _WRONG_USAGE)
        except (NoBrokerError, NotStartedError, OSError) as problem:
            return _complain(str(problem), _FAILED)
    if not result.samples:
        return _complain("it was stopped before anything was measured", _FAILED)
    print_report(console, result, write_report(directory, result))
    return _FAILED if result.crashed else 0


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # asked twice: broken off
        sys.exit(130)
