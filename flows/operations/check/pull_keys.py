"""The keys of `pull`: whether they are there. A stream needs none of them."""

from collections.abc import Iterator

from connectors.finding import Finding, Mark
from connectors.secrets import Secret, SecretError
from flows.settings.model import Settings


def pull_keys(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of each key of `[pull]`."""
    if settings.pull is None:
        return
    for name, ref in (("api_key", settings.pull.api_key), ("secret_key", settings.pull.secret_key)):
        try:
            Secret(ref).value()
        except SecretError as error:
            yield Finding(Mark.NOTE, f"pull.{name}: {error}", "only `python -m flows pull` needs it")
        else:
            yield Finding(Mark.FINE, f"pull.{name}: there is a key in {ref}")
