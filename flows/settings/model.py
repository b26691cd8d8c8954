"""The settings as the program uses them: frozen, typed, complete. `file.py` makes them from stream.toml."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from connectors.delivery.settings import DeliverySettings
from connectors.files.settings import FileDeadLetters, FilesSource
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from connectors.secrets import SecretRef
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.platform import Stated
from flows.domain.sync import Sync


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
    delivery: DeliverySettings
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
