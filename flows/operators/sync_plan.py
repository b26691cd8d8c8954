"""Sync plan: the steps «select» and «translate» of the enabled syncs, replaced as a whole when the list changes.

A worker asks for a step once a batch, so that a batch is treated by one list from its first event to its last.
"""

from collections.abc import Callable, Iterable

from connectors.appsflyer.request import compile_translate
from connectors.delivery.items import Item
from flows.domain.decode import Refused
from flows.domain.event import Event
from flows.domain.kept_properties import KeptNames
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.punctuation import Punctuation
from flows.domain.select import compile_select
from flows.domain.warm_up import WarmUp
from flows.operators.identify import IdentifyOutput, Keyed
from flows.operators.identity_rules import kept_names
from flows.operators.stages import select_events, translate_events
from flows.settings.model import Settings


class SyncPlan:
    """The two steps of the enabled syncs, as Bytewax calls them."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        now_ms: Callable[[], int],
        warm_up: WarmUp,
        logins: Logins,
        keep: KeptNames,
    ) -> None:
        self._ledger = ledger
        self._warm_up = warm_up
        self._logins = logins
        self._now_ms = now_ms
        self._keep = keep
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Go by these settings from the next batch on. Which syncs are enabled, and their order, must be the same."""
        syncs = settings.enabled_syncs
        translates = [compile_translate(sync, settings.delivery.max_body_bytes) for sync in syncs]
        self._translate = translate_events(syncs, translates, self._ledger, self._now_ms)
        self._keep.names = kept_names(settings)
        select = compile_select(syncs, keeps=True)
        self._select = select_events(select, self._ledger, self._warm_up, self._logins, self._now_ms)

    def select(self, decoded: list[Event | Refused | Punctuation]) -> Iterable[tuple[str, Keyed]]:
        """Events → (shard, (user key, event and its targets))."""
        return self._select(decoded)

    def translate(self, batch: list[tuple[str, IdentifyOutput]]) -> Iterable[tuple[str, Item]]:
        """Identified events → (lane, delivery or dead letter)."""
        return self._translate(batch)
