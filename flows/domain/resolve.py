"""Resolve: whose event it is, by what it tells itself and what its user's devices have taught."""

from collections.abc import Sequence

from flows.domain.decision import Decision, Held, StatedIdentity, Unwanted
from flows.domain.event import Event, Platform
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.identifiers import Value
from flows.domain.identity import Identity
from flows.domain.identity_rules import IdentityRules
from flows.domain.os_version import read_os_version
from flows.domain.platform import Stated, platform_of_values
from flows.domain.profile import APP_VERSION, OS_VERSION, Profile
from flows.domain.select import SyncTarget


def stated_by(rules: IdentityRules, event: Event, values: dict[str, Value]) -> Stated | None:
    """Return the platform that an event tells by itself: by its names, else by the identifiers that it carries."""
    stated = rules.names.stated(event)
    return stated if stated is not None or not values else platform_of_values(values)


def compacted(rules: IdentityRules, held: Held) -> Held:
    """Return a held event without what was decoded of it, but with what it tells of its identity."""
    event = held.event
    bare = event._replace(event_properties={}, user_properties={}, groups={}, group_properties={}, fields={})
    return held._replace(event=bare, told=_told(rules, event))


def identity_of(
    rules: IdentityRules, profile: Profile, event: Event, told: StatedIdentity | None = None
) -> Identity | None:
    """Return an event's identity, None where its platform is not known; `told` is what it tells, read before."""
    stated, (own, malformed, zeroed, _) = told or _told(rules, event)
    platform = profile.platform_of(event.device_id) if stated is None else stated
    if platform is None or platform == "other":
        return None
    return Identity(platform, profile.resolve(platform, event.device_id, own), malformed, zeroed)


def add_versions(event: Event, values: dict[str, Value]) -> None:
    """Add the versions that an event states of its device to what it says of it."""
    if event.os_version is not None and (os_version := read_os_version(event.os_version)) is not None:
        values[OS_VERSION] = os_version
    if event.app_version is not None:
        values[APP_VERSION] = event.app_version


def missing_of(identity: Identity | None) -> DeadLetterReason:
    """Return the reason of the dead letter of an event which cannot be sent with this identity."""
    return DeadLetterReason.NO_PLATFORM if identity is None else DeadLetterReason.NO_APPSFLYER_ID


def _told(rules: IdentityRules, event: Event) -> StatedIdentity:
    reading = rules.reader.read(event)
    return StatedIdentity(stated_by(rules, event, reading.told), reading)


def with_app(
    platforms: Sequence[frozenset[Platform]],
    event: Event,
    targets: tuple[SyncTarget, ...],
    platform: Platform,
    decisions: list[Decision],
) -> tuple[SyncTarget, ...]:
    """Return the targets whose sync has an app of the platform; the others end here."""
    for target in targets:
        if platform not in platforms[target.sync]:
            break
    else:
        return targets
    wanted = tuple(target for target in targets if platform in platforms[target.sync])
    unwanted = tuple(target for target in targets if target not in wanted)
    decisions.append(Unwanted(event, unwanted, FilterReason.PLATFORM))
    return wanted
