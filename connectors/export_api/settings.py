"""The settings of `pull`: as they are written, and as they are used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StrictStr

from connectors.secrets import SecretRef, reference
from connectors.table import Table
from connectors.values import ENDPOINT, Expects, FilePath, KeyPlace, check_endpoint, choice

ADDRESSES: Final = {"us": "https://amplitude.com", "eu": "https://analytics.eu.amplitude.com"}
"""Where the Export API is, for each region of a project: Amplitude, Export API, «Regions»."""

EXPORT_PATH: Final = "/api/2/export"


@dataclass(frozen=True, slots=True)
class PullSettings:
    """`[pull]`."""

    api_key: SecretRef
    secret_key: SecretRef
    endpoint: str
    """The region's, unless another one is given."""
    directory: Path
    """Absolute."""


class PullTable(Table):
    """Past events are fetched from Amplitude's Export API with `python -m flows pull`. The stream itself never does."""

    api_key: KeyPlace
    """Where the project's API key is. Amplitude: Settings, Projects, the project, General."""
    secret_key: KeyPlace
    """Where the project's secret key is. Amplitude shows it only once, when it is generated beside the API key."""
    region: Annotated[Literal["us", "eu"], choice("us", "eu")] = "us"
    """Where Amplitude stores the project: "eu" is the EU data center, which knows its own projects' keys only."""
    endpoint: (
        Annotated[
            StrictStr,
            AfterValidator(check_endpoint),
            Expects(ENDPOINT, 'write for example endpoint = "http://127.0.0.1:8080", or leave it out'),
        ]
        | None
    ) = None
    """Another address instead of the region's, such as the sandbox's. http:// is allowed for a loopback host only,
    because both keys are sent with each request."""
    directory: Annotated[FilePath, Field(validate_default=True)] = Path("exports")
    """The directory of the archives, one for each hour. [source] kind = "files" reads them with
    paths = ["exports/*.zip"]. Each project needs a directory of its own."""

    def settings(self, base: Path) -> PullSettings:
        """Return them; a relative path of a key's file starts at `base`."""
        return PullSettings(
            reference(base, self.api_key),
            reference(base, self.secret_key),
            self.endpoint or ADDRESSES[self.region],
            self.directory,
        )
