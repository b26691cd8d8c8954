"""The wish to stop, shared by everything in the process: signals set it, sources and sinks ask for it."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Shutdown:
    """Whether and since when the process is to stop. Set once; asking costs an attribute access."""

    requested: bool = False
    restart: bool = False
    """After the clean stop the process is to begin again by itself."""
    input_ended: bool = False
    """Every source partition has come to its end, so that nothing more will be read."""
    since: float = field(default=0.0)
    """`time.monotonic()` of the request."""

    def request(self, *, restart: bool = False) -> None:
        """Ask for a clean stop. Later calls change nothing."""
        if not self.requested:
            self.since = time.monotonic()
            self.restart = restart
            self.requested = True

    @property
    def input_is_over(self) -> bool:
        """Whether nothing more will be read, by wish or because there is nothing."""
        return self.requested or self.input_ended
