"""The settings as the program uses them: frozen, typed, complete. `file.py` makes them from stream.toml."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from flows.steps.identifiers import DEFAULT_PATHS
from flows.steps.platform import Stated
from flows.steps.sync import Sync

PENDING_EVENT_BYTES: Final = 4096
"""What an event between the source and its fate may take on average, where as many as may be are there."""


@dataclass(frozen=True, slots=True)
class KafkaSource:
    """`[source] kind = "kafka"`."""

    bootstrap_servers: str
    topic: str
    group_id: str
    start: Literal["earliest", "latest"] = "earliest"
    """Where a group without committed offsets begins."""
    on_out_of_range: Literal["fail", "earliest"] = "fail"
    """What to do when Kafka no longer has the next event: stop, or go on with the oldest it has; both say how many
    are gone."""
    watch_partitions_seconds: float = 60.0
    """How often to look for partitions that were added to the topic."""
    warm_up_hours: float = 24.0
    """How far before the group's offset a start without state of its own begins to learn, without sending."""
    properties: tuple[tuple[str, str], ...] = ()
    """librdkafka properties."""


@dataclass(frozen=True, slots=True)
class FilesSource:
    """`[source] kind = "files"`."""

    paths: tuple[str, ...]
    """Absolute paths and globs."""
    follow: bool = False
    """Keep watching the paths for new files."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`[identity]`."""

    remember_days: float = 90.0
    remember_users: int = 10_000_000
    """Of one process; beyond it those who were not heard of for longest are forgotten."""
    remember_insert_ids: int = 100
    hold_seconds: float = 300.0
    settle_seconds: float = 0.0
    hold_events: int = 100
    """Events held per user at the most, of 10 KB each on average; one more gives up the oldest."""
    hold_megabytes: int = 256
    """What the held events of all users may take; beyond it those that wait longest are given up."""
    paths: tuple[tuple[str, tuple[str, ...]], ...] = tuple(DEFAULT_PATHS.items())
    platforms: tuple[tuple[Stated, tuple[str, ...]], ...] = ()
    """Names of platforms, beside the built-in ones."""


@dataclass(frozen=True, slots=True)
class Window:
    """`[window]`."""

    max_events: int = 100
    max_wait_ms: int = 50


@dataclass(frozen=True, slots=True)
class Delivery:
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
    """Find from an app's answers what it takes at a time and per second."""
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


@dataclass(frozen=True, slots=True)
class KafkaDeadLetters:
    """`[dead_letters] kind = "kafka"`: by default in the source's cluster."""

    bootstrap_servers: str
    topic: str
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FileDeadLetters:
    """`[dead_letters] kind = "files"`."""

    directory: Path


@dataclass(frozen=True, slots=True)
class State:
    """`[state]`."""

    directory: Path
    epoch_seconds: int = 10

    def slice_directory(self, index: int, count: int) -> Path:
        """Return the directory of one slice; without slices, the directory itself."""
        return self.directory if count == 1 else self.directory / f"slice-{index}-of-{count}"


@dataclass(frozen=True, slots=True)
class Health:
    """`[health]`: where /livez, /readyz, /status and /metrics are served."""

    host: str = "127.0.0.1"
    port: int = 9464
    """0 is off."""
    add_slice_to_port: bool = True
    """Slice i listens on port + i."""
    is_given: bool = False
    """The file names the host or the port: a start where they cannot be had is then refused."""

    def port_of(self, slice_index: int) -> int:
        """Return the port of one slice; 0 is off."""
        return self.port + slice_index if self.port and self.add_slice_to_port else self.port


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: `env:NAME` or `file:PATH`. Its repr is its place, never its value."""

    kind: Literal["env", "file"]
    place: str
    """The variable's name, or the absolute path."""

    def __str__(self) -> str:
        """Print as it is written in the file."""
        return f"{self.kind}:{self.place}"


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """One `[[sync]]`: the domain's `Sync`, whether it is on, and where its keys are."""

    sync: Sync
    enabled: bool
    keys: tuple[SecretRef, ...]
    """One key, or two during a rotation."""
    key_kind: Literal["s2s_key", "dev_key"] = "s2s_key"
    paused: bool = False
    """It takes and keeps its events, and sends none."""

    @property
    def name(self) -> str:
        """The sync's name."""
        return self.sync.name


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything in stream.toml."""

    path: Path
    source: KafkaSource | FilesSource
    identity: Identity
    window: Window
    delivery: Delivery
    dead_letters: KafkaDeadLetters | FileDeadLetters
    state: State
    syncs: tuple[SyncSettings, ...]
    health: Health = field(default_factory=Health)

    @property
    def enabled_syncs(self) -> tuple[Sync, ...]:
        """The syncs that are on, in the file's order: the order of the ledger's entries."""
        return tuple(each.sync for each in self.syncs if each.enabled)

    @property
    def paused_syncs(self) -> frozenset[str]:
        """The names of the enabled syncs that keep their events for the time being."""
        return frozenset(each.name for each in self.syncs if each.enabled and each.paused)
