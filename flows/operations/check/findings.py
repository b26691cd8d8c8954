"""Check: what is wrong with the settings and everything that they name, one finding after the other."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from connectors.finding import WHOLE_FILE, Finding, Mark
from connectors.kinds import source_of, store_of
from flows.operations.check.appsflyer import appsflyer
from flows.operations.check.collector import collector
from flows.operations.check.directories import directories
from flows.operations.check.erasure import erasure
from flows.operations.check.left_behind import left_behind
from flows.operations.check.pull_keys import pull_keys
from flows.operations.check.sample import look_at
from flows.operations.check.syncs import syncs
from flows.runtime.environment import ignored
from flows.settings import SettingsError, load


def findings(path: Path) -> Iterator[Finding]:
    """Yield what was found, each as soon as it is known; of a file with mistakes, the mistakes alone."""
    try:
        settings = load(path)
    except SettingsError as error:
        yield from (Finding(Mark.WRONG, str(problem), of=problem.key or WHOLE_FILE) for problem in error.problems)
        return
    if names := ignored():
        yield Finding(
            Mark.NOTE,
            f"environment: {', '.join(names)}: ignored",
            "the settings decide where the stream connects and whom it trusts, such as delivery.proxy",
        )
    yield from syncs(settings, path)
    yield from pull_keys(settings)
    yield from collector(settings)
    yield from directories(settings)
    yield from left_behind(settings)
    yield from source_of(settings.source).check(settings.state.directory, partial(look_at, settings))
    yield from store_of(settings.dead_letters).check()
    yield from appsflyer(settings)
    yield from erasure(settings)
