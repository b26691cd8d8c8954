"""Identity rules: how identities are kept, as the settings say."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from flows.domain.event import Platform
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.kept_properties import KeptNames
from flows.domain.platform import PlatformNames

HOLD_BYTES: Final = 256 << 20
"""What all held events of a process may take, unless the settings say otherwise."""


class IdentityRules(NamedTuple):
    """How identities are kept (`[identity]` of the settings), and which platforms each enabled sync has an app for."""

    reader: IdentifierReader
    platforms: Sequence[frozenset[Platform]]
    remember_s: int
    remember_insert_ids: int
    hold_ms: int
    settle_ms: int
    hold_events: int
    names: PlatformNames = PlatformNames()
    hold_bytes: int = HOLD_BYTES
    """What the held events of all users may take together."""
    remember_users: int = 10_000_000
    """How many users are remembered at the most."""
    keep: KeptNames = KeptNames()
    """The user properties that are kept: those that the settings name."""
