"""Erasure at AppsFlyer: whether its token is there, where one is named."""

from collections.abc import Iterator
from typing import Final

from connectors.finding import Finding, Mark
from flows.operations.check.secret_finding import secret_finding
from flows.settings.model import Settings

_DO: Final = "forget --appsflyer needs it; the stream does not"


def erasure(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of it; the stream itself does without, so that nothing of it is wrong for a start."""
    if (token := settings.erasure.api_token) is not None:
        yield secret_finding("erasure.api_token", token, Mark.NOTE, _DO, what="token")
