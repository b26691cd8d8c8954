"""The settings of the delivery."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

PENDING_EVENT_BYTES: Final = 4096
"""What an event between the source and its fate may take on average, where as many as may be are there."""


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """`[delivery]`."""

    endpoint: str = "https://api3.appsflyer.com"
    endpoint_dev_key: str = "https://api2.appsflyer.com"
    """For syncs with a `dev_key`; the same as `endpoint` where the file names one."""
    timeout_seconds: float = 15.0
    max_in_flight: int = 256
    max_pending: int = 20_000
    """Events between the source and their fate, of 4 KB each on average; beyond it the source waits. Held events do not
    count."""
    max_requests_per_second: float = 0.0
    """Per app id; 0 is no limit."""
    ramp_requests_per_second_per_minute: float = 2000.0
    """Per app id; 0 is no ramp."""
    adaptive_limits: bool = False
    """Find from an app's answers how many requests at a time it takes."""
    retry_minutes: float = 240.0
    on_rejected_credentials: Literal["pause", "park"] = "pause"
    max_body_bytes: int = 1024
    brake_share: float = 0.5
    """Stop when more than this share of the last `brake_events` was refused; 1 is never."""
    brake_events: int = 1000
    drain_seconds: float = 25.0
    ca_file: Path | None = None
    proxy: str | None = None

    @property
    def max_pending_bytes(self) -> int:
        """What these events may take in memory."""
        return self.max_pending * PENDING_EVENT_BYTES
