"""Whether an endpoint is reached."""

import pycurl

from connectors.delivery.engines.ask import go_the_streams_way
from connectors.delivery.settings import DeliveryTable


def reach(endpoint: str, delivery: DeliveryTable, seconds: float) -> str | None:
    """Connect as the stream would, with proxy and TLS, without sending a request. Return what failed, or None."""
    handle = pycurl.Curl()
    try:
        go_the_streams_way(handle, delivery)
        handle.setopt(pycurl.URL, endpoint)
        handle.setopt(pycurl.CONNECT_ONLY, 1)
        handle.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        handle.perform()
    except pycurl.error:
        return handle.errstr()
    finally:
        handle.close()
    return None
