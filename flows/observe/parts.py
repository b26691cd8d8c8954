"""What one process is made of, for those who look at it from outside: metrics, health, status."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.clock import now_ms
from connectors.delivery.breaker import Circuit
from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.lane import Lane
from connectors.delivery.outbox import Outbox
from connectors.delivery.sender import Sender
from connectors.delivery.sink import AppsFlyerSink
from connectors.delivery.stats import LaneTally, Tally
from connectors.ports import OpenSource
from connectors.shutdown import Shutdown
from connectors.state.disk import StateDisk
from connectors.state.journal import Journal
from flows.domain.event import PLATFORMS, Platform
from flows.domain.gauge import Gauge
from flows.domain.histogram import Histogram
from flows.domain.ledger import Ledger
from flows.domain.slice import Slice
from flows.observe.heartbeat import Heartbeat
from flows.observe.metrics.vocabulary import BATCH_BOUNDS
from flows.settings.model import Settings


class App(NamedTuple):
    """One app that an enabled sync sends to."""

    sync: str
    platform: Platform
    app_id: str

    @property
    def lane(self) -> str:
        """The name of its lane."""
        return f"{self.sync}/{self.app_id}"


class Reload(NamedTuple):
    """What came of the last wish to read the settings again."""

    at: datetime
    result: str
    """In words, without any value of the settings."""
    ok: bool = True
    """Whether the settings were taken."""


@dataclass(slots=True)
class Parts:
    """The parts of one process; those that are made later than others are None until then."""

    settings: Settings
    part: Slice
    ledger: Ledger
    outbox: Outbox
    journal: Journal
    disk: StateDisk
    shutdown: Shutdown
    heartbeat: Heartbeat = field(default_factory=Heartbeat, init=False)
    tally: Tally = field(default_factory=lambda: Tally(now_ms), init=False)
    now_ms: Callable[[], int] = field(default=now_ms, init=False)
    shards: list[Any] = field(default_factory=list, init=False)
    """The users of each shard."""
    damages: list[str] = field(default_factory=list, init=False)
    """What is damaged in what was read."""
    windows: Gauge = field(default_factory=Gauge, init=False)
    """What waits in the windows."""
    batches: Histogram = field(default_factory=lambda: Histogram(BATCH_BOUNDS), init=False)
    """How full the micro-batches were."""
    source: OpenSource | None = field(default=None, init=False)
    sender: Sender | None = field(default=None, init=False)
    dead_letter_queue: DeadLetterQueue | None = field(default=None, init=False)
    sink: AppsFlyerSink | None = field(default=None, init=False)
    snapshots: int = field(default=0, init=False)
    """How many snapshots the sink has taken."""
    snapshot_at: float = field(default_factory=time.monotonic, init=False)
    """`time.monotonic()` of the last one, or of the start."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)
    reload: Reload | None = field(default=None, init=False)
    settings_sha256: str = field(default="", init=False)
    settings_file: Callable[[], dict[str, Any]] | None = field(default=None, init=False)
    """Looks at the settings file, which may be another by now than what was taken."""
    health_port: int = field(default=0, init=False)
    """Where this process serves its health; 0 is nowhere."""

    def __post_init__(self) -> None:
        """Take the settings file's hash."""
        self.note_settings()

    def note_settings(self) -> None:
        """Take the settings file's hash anew, as after it was read again."""
        try:
            self.settings_sha256 = hashlib.sha256(self.settings.path.read_bytes()).hexdigest()
        except OSError:
            self.settings_sha256 = ""

    def apps(self) -> Iterator[App]:
        """Yield the apps of the enabled syncs, whether anything was sent to them yet or not."""
        for sync in self.settings.enabled_syncs:
            for platform in PLATFORMS:
                if (app_id := sync.app_id(platform)) is not None:
                    yield App(sync.name, platform, app_id)

    def answers(self, app: App) -> LaneTally:
        """Return what an app has answered."""
        return self.tally.lanes.get(app.lane) or LaneTally()

    def lane(self, app: App) -> Lane | None:
        """Return an app's lane; None until something is to be sent there."""
        return self.sender.lanes.get(app.lane) if self.sender is not None else None

    def circuit(self, app: App) -> Circuit:
        """Return whether requests to an app may go."""
        if app.sync in self.settings.paused_syncs:
            return Circuit.PAUSED_BY_SETTINGS
        lane = self.lane(app)
        return lane.circuit if lane is not None else Circuit.CLOSED

    def rate_limit(self, app: App) -> float:
        """Return how many requests per second may go to an app now; infinity is no limit."""
        lane = self.lane(app)
        if lane is not None:
            return lane.throttle.requests_per_second
        return self.settings.delivery.max_requests_per_second / self.part.count or float("inf")

    def concurrency_limit(self, app: App) -> int:
        """Return how many requests to an app may be under way at a time."""
        lane = self.lane(app)
        return lane.throttle.most_at_a_time if lane is not None else self.settings.delivery.max_in_flight

    def users(self) -> int:
        """Return how many users and anonymous devices are remembered."""
        return sum(map(len, self.shards))

    @property
    def held(self) -> int:
        """How many events wait in their users' state."""
        return max(self.ledger.held_events - self.outbox.set_aside_count, 0)
