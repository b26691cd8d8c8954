"""Which engine sends."""

from connectors.delivery.engines.libcurl import LibcurlEngine
from connectors.delivery.settings import DeliveryTable
from connectors.ports import DeliveryEngine


def open_engine(settings: DeliveryTable) -> DeliveryEngine:
    """Return the engine that the settings ask for."""
    return LibcurlEngine(
        timeout_seconds=settings.timeout_seconds,
        max_connections=settings.max_in_flight,
        ca_file=settings.ca_file,
        proxy=settings.proxy,
    )
