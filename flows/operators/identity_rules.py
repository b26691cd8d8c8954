"""The settings of `[identity]` → the rules of the domain."""

from flows.domain.event import PLATFORMS
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identity_rules import IdentityRules
from flows.domain.kept_properties import KeptNames, named_properties
from flows.domain.logins import Logins
from flows.domain.platform import PlatformNames
from flows.settings.model import Settings


def identity_rules(settings: Settings) -> IdentityRules:
    """Return how identities are kept, and which platforms each enabled sync has an app for."""
    identity = settings.identity
    return IdentityRules(
        reader=IdentifierReader(identity.identifier_paths),
        platforms=[
            frozenset(platform for platform in PLATFORMS if sync.app_id(platform)) for sync in settings.enabled_syncs
        ],
        remember_s=int(identity.remember_days * 86_400),
        remember_insert_ids=identity.remember_insert_ids,
        hold_ms=int(identity.hold_seconds * 1000),
        settle_ms=int(identity.settle_seconds * 1000),
        hold_events=identity.hold_events,
        names=PlatformNames(identity.platform_names),
        hold_bytes=identity.hold_megabytes << 20,
        remember_users=identity.remember_users,
        keep=KeptNames(kept_names(settings)),
    )


def kept_names(settings: Settings) -> tuple[str, ...]:
    """Return the user properties that are kept."""
    return named_properties(settings.enabled_syncs, settings.identity.keep_properties)


def logins_of(rules: IdentityRules) -> Logins:
    """Return what is known of logins before anything is."""
    return Logins(rules.reader, rules.names, rules.remember_s, rules.keep)
