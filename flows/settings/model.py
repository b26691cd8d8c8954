"""The settings as the program uses them: frozen, typed, complete. `file.py` makes them from stream.toml."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from connectors.appsflyer.settings import ErasureSettings, ErasureTable
from connectors.collector.settings import CollectorSettings
from connectors.delivery.settings import DeliveryTable
from connectors.export_api.settings import PullSettings
from connectors.form import LetterSettings, SourceSettings
from connectors.secrets import SecretRef
from flows.domain.sync import Sync
from flows.settings.console import ConsoleSettings, ConsoleTable
from flows.settings.identity import IdentityTable
from flows.settings.sync_tables import SyncTable
from flows.settings.tables import HealthTable, StateTable, WindowTable


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """One `[[sync]]`: the domain's `Sync`, whether it is on, and where its keys are."""

    sync: Sync
    enabled: bool
    keys: tuple[SecretRef, ...]
    """One key, or two during a rotation."""
    key_kind: Literal["s2s_key", "dev_key"] = "s2s_key"
    paused: bool = SyncTable.model_fields["paused"].default
    """It takes and keeps its events, and sends none."""

    @property
    def name(self) -> str:
        """The sync's name."""
        return self.sync.name


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything in stream.toml."""

    path: Path
    source: SourceSettings
    identity: IdentityTable
    window: WindowTable
    delivery: DeliveryTable
    dead_letters: LetterSettings
    state: StateTable
    syncs: tuple[SyncSettings, ...]
    health: HealthTable = field(default_factory=HealthTable)
    collector: CollectorSettings | None = None
    """None where the file has no `[collector]`."""
    console: ConsoleSettings = field(default_factory=lambda: ConsoleTable().settings(Path()))
    pull: PullSettings | None = None
    erasure: ErasureSettings = field(default_factory=lambda: ErasureTable().settings(Path()))

    @property
    def enabled_syncs(self) -> tuple[Sync, ...]:
        """The syncs that are on, in the file's order: the order of the ledger's entries."""
        return tuple(each.sync for each in self.syncs if each.enabled)

    @property
    def paused_syncs(self) -> frozenset[str]:
        """The names of the enabled syncs that keep their events for the time being."""
        return frozenset(each.name for each in self.syncs if each.enabled and each.paused)
