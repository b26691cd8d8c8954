"""The settings of the tee: as they are written, and as they are used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StrictStr

from connectors.table import Table
from connectors.values import ENDPOINT, Expects, FilePath, check_endpoint, choice, whole

ADDRESSES: Final = {"us": "https://api2.amplitude.com", "eu": "https://api.eu.amplitude.com"}
"""Where Amplitude takes events, for each region of a project: Amplitude, HTTP V2 API, «Regions»."""
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TeeSettings:
    """`[collector.tee]`."""

    endpoint: str
    """The region's, unless another one is given."""
    directory: Path
    """Absolute."""
    most_bytes: int
    """How much waits in the queue at the most."""


class TeeTable(Table):
    """What the collector takes goes on to Amplitude as well, as it was sent. Without this table, nothing does."""

    region: Annotated[Literal["us", "eu"], choice("us", "eu")] = "us"
    """Where Amplitude stores the project: "eu" is the EU data center."""
    endpoint: (
        Annotated[
            StrictStr,
            AfterValidator(check_endpoint),
            Expects(ENDPOINT, 'write for example endpoint = "https://proxy.example.com", or leave it out'),
        ]
        | None
    ) = None
    """Another address instead of the region's, such as a proxy of your own in front of Amplitude. http:// is allowed
    for a loopback host only."""
    directory: Annotated[FilePath, Field(validate_default=True)] = Path("tee")
    """The directory of the queue, on a local disk that stays. Each collector needs one of its own."""
    max_megabytes: Annotated[int, whole(1, 1_000_000)] = 1_000
    """How much waits for Amplitude at the most. When the queue is full, it keeps what it has, and further copies are
    dropped and counted. Clients are answered as ever, and AppsFlyer gets every event."""

    def settings(self) -> TeeSettings:
        """Return them."""
        return TeeSettings(self.endpoint or ADDRESSES[self.region], self.directory, self.max_megabytes * _MB)
