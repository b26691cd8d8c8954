"""What requests lack: read off the ledger."""

from connectors.metrics import vocabulary as v
from connectors.metrics.parts import Parts
from connectors.metrics.readings import Readings
from flows.steps.caution import Caution
from flows.steps.identifiers import PLATFORM_IDENTIFIERS


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
        for caution in Caution:
            to.put(v.WARNINGS, counts.cautions[caution], sync.name, caution.value)
