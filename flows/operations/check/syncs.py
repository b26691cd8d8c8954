"""The syncs: their apps, and whether their keys are there."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.appsflyer.mapped import BUNDLE_ID
from connectors.finding import WHOLE_FILE, Finding, Mark
from flows.domain.sync import Sync
from flows.operations.check.secret_finding import secret_finding
from flows.settings.model import Settings


def syncs(settings: Settings, path: Path) -> Iterator[Finding]:
    """Yield what is found of the settings as a whole, and of each sync."""
    enabled = len(settings.enabled_syncs)
    yield Finding(Mark.FINE, f"{path}: valid; {enabled} of {len(settings.syncs)} syncs enabled", of=WHOLE_FILE)
    if not enabled:
        yield Finding(Mark.NOTE, "no sync is enabled, so nothing would be sent", "set enabled = true when all is fine")
    for each in settings.syncs:
        apps = [f"iOS {each.sync.ios_app_id}"] if each.sync.ios_app_id else []
        apps += [f"Android {each.sync.android_app_id}"] if each.sync.android_app_id else []
        state = "" if each.enabled else " (not enabled)"
        yield Finding(Mark.FINE, f"sync[{each.name}]{state}: {' and '.join(apps)}")
        if each.sync.ios_app_id and not each.sync.ios_bundle_id and not _maps_bundle_id(each.sync):
            yield Finding(
                Mark.NOTE,
                f"sync[{each.name}]: no ios_bundle_id, so its iOS requests have no bundleIdentifier, which many ad "
                "networks ask for",
                "set ios_bundle_id to the app's bundle identifier, or bundle_id in [sync.fields] to a path",
            )
        for key in each.keys:
            # A sync that is off beside others that are on need not be ready.
            otherwise = Mark.WRONG if each.enabled or not enabled else Mark.NOTE
            yield secret_finding(f"sync[{each.name}].{each.key_kind}", key, otherwise)


def syncs_of(settings: Settings) -> Sequence[Sync]:
    """Return the syncs that are enabled; before any is, all, for they are what is to be enabled."""
    return settings.enabled_syncs or [each.sync for each in settings.syncs]


def _maps_bundle_id(sync: Sync) -> bool:
    """Return whether the sync reads it from its events."""
    return any(name == BUNDLE_ID for name, _ in sync.fields)
