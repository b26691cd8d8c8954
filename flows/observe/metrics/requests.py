"""What requests lack: read off the ledger."""

from flows.domain.identifiers import PLATFORM_IDENTIFIERS
from flows.domain.warning import EventWarning
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts


def read_requests(to: Readings, parts: Parts) -> None:
    """Put what requests lack."""
    for sync, counts in zip(parts.settings.enabled_syncs, parts.ledger.syncs, strict=True):
        requests, absent = counts.requests, counts.absent
        for platform, identifiers in PLATFORM_IDENTIFIERS.items():
            if sync.app_id(platform) is None:
                continue
            to.put(v.REQUESTS_BUILT, requests[platform], sync.name, platform)
            for identifier in identifiers:
                to.put(v.MISSING_IDENTIFIERS, absent[identifier], sync.name, platform, identifier)
        for warning in EventWarning:
            to.put(v.WARNINGS, counts.warnings[warning], sync.name, warning.value)
