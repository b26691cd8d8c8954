"""Erasure at AppsFlyer: whether its token is there, where one is named."""

from collections.abc import Iterator

from connectors.finding import Finding, Mark
from connectors.secrets import Secret, SecretError
from flows.settings.model import Settings


def erasure(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of it; the stream itself does without, so that nothing of it is wrong for a start."""
    token = settings.erasure.api_token
    if token is None:
        return
    try:
        Secret(token).value()
    except SecretError as error:
        yield Finding(Mark.NOTE, f"erasure.api_token: {error}", "forget --appsflyer needs it; the stream does not")
    else:
        yield Finding(Mark.FINE, f"erasure.api_token: there is a token in {token}")
