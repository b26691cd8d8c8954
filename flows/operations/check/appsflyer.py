"""The way to AppsFlyer: whether it is open."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from connectors.delivery.engines.reach import reach
from connectors.finding import Finding, Mark
from connectors.kafka.probe import ANSWER_SECONDS
from flows.settings.model import Settings


def appsflyer(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of each endpoint."""
    delivery = settings.delivery
    if delivery.ca_file is not None and not os.access(delivery.ca_file, os.R_OK):
        yield Finding(Mark.WRONG, f"delivery.ca_file: {delivery.ca_file} cannot be read", "correct it, or leave it out")
        return
    kinds = {each.key_kind for each in settings.syncs}
    endpoints = {delivery.endpoint_of(kind) for kind in kinds}
    for endpoint in sorted(endpoints):
        reason = reach(endpoint, delivery, ANSWER_SECONDS)
        if reason is None:
            tls = " over TLS" if urlsplit(endpoint).scheme == "https" else ""
            yield Finding(Mark.FINE, f"delivery.endpoint: {endpoint} is reached{tls}; no event was sent")
        else:
            do = "allow the way out in the firewall, or see endpoint, proxy and ca_file in [delivery]"
            yield Finding(Mark.FAILED, f"delivery.endpoint: {endpoint} is not reached ({reason})", do)
