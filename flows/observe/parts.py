"""What one process is made of, as a view for those who look at it from outside: metrics, health, status."""

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
from flows.observe.in_force import InForce
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


@dataclass(slots=True)
class FlowEnds:
    """Both ends of the flow, each None until the wiring has opened it."""

    source: OpenSource | None = None
    sender: Sender | None = None
    dead_letter_queue: DeadLetterQueue | None = None
    sink: AppsFlyerSink | None = None


@dataclass(frozen=True)
class Parts:
    """The parts of one process. Nobody assigns to it: what changes, changes in a part, by whoever owns that."""

    in_force: InForce
    part: Slice
    ledger: Ledger
    outbox: Outbox
    journal: Journal
    disk: StateDisk
    shutdown: Shutdown
    now_ms: Callable[[], int] = now_ms
    ends: FlowEnds = field(default_factory=FlowEnds, init=False)
    heartbeat: Heartbeat = field(default_factory=Heartbeat, init=False)
    tally: Tally = field(default_factory=lambda: Tally(now_ms), init=False)
    shards: list[Any] = field(default_factory=list, init=False)
    """The users of each shard."""
    damages: list[str] = field(default_factory=list, init=False)
    """What is damaged in what was read."""
    windows: Gauge = field(default_factory=Gauge, init=False)
    """What waits in the windows."""
    batches: Histogram = field(default_factory=lambda: Histogram(BATCH_BOUNDS), init=False)
    """How full the micro-batches were."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.in_force.settings

    @property
    def source(self) -> OpenSource | None:
        """Where events come from."""
        return self.ends.source

    @property
    def sender(self) -> Sender | None:
        """What sends requests."""
        return self.ends.sender

    @property
    def dead_letter_queue(self) -> DeadLetterQueue | None:
        """What writes dead letters."""
        return self.ends.dead_letter_queue

    @property
    def sink(self) -> AppsFlyerSink | None:
        """The end of the flow."""
        return self.ends.sink

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
