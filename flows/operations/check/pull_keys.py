"""The keys of `pull`: whether they are there. A stream needs none of them."""

from collections.abc import Iterator
from typing import Final

from connectors.finding import Finding, Mark
from flows.operations.check.secret_finding import secret_finding
from flows.settings.model import Settings

_DO: Final = "only `python -m flows pull` needs it"


def pull_keys(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of each key of `[pull]`."""
    if settings.pull is not None:
        yield secret_finding("pull.api_key", settings.pull.api_key, Mark.NOTE, _DO)
        yield secret_finding("pull.secret_key", settings.pull.secret_key, Mark.NOTE, _DO)
