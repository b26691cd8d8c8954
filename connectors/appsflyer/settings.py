"""`[erasure]`: how AppsFlyer is asked to erase a person."""

from dataclasses import dataclass
from pathlib import Path

from connectors.secrets import SecretRef, reference
from connectors.table import Table
from connectors.values import EndpointUrl, KeyPlace


@dataclass(frozen=True, slots=True)
class ErasureSettings:
    """`[erasure]`."""

    endpoint: str
    api_token: SecretRef | None


class ErasureTable(Table):
    """How `python -m flows forget --appsflyer` asks AppsFlyer to erase a person. The stream itself does not use it."""

    api_token: KeyPlace | None = None
    """The place of AppsFlyer's API token V2 (AppsFlyer: Security center, API tokens; an admin sees it): env:NAME or
    file:PATH. It is the token of the Pull API, and not the S2S key."""
    endpoint: EndpointUrl = "https://hq1.appsflyer.com"
    """Where requests for erasure go. http:// is allowed for a loopback host only, such as the sandbox. Requests take
    the proxy, the certificates and the time-out of `[delivery]`."""

    def settings(self, base: Path) -> ErasureSettings:
        """Return them; relative paths start at `base`."""
        token = self.api_token
        return ErasureSettings(self.endpoint, None if token is None else reference(base, token))
