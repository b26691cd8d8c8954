"""Whether an endpoint is reached."""

import pycurl

from connectors.delivery.engines.libcurl import certificates
from connectors.delivery.settings import DeliveryTable


def reach(endpoint: str, delivery: DeliveryTable, seconds: float) -> str | None:
    """Connect as the stream would, with proxy and TLS, without sending a request. Return what failed, or None."""
    handle = pycurl.Curl()
    try:
        handle.setopt(pycurl.URL, endpoint)
        handle.setopt(pycurl.CONNECT_ONLY, 1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROXY, delivery.proxy or "")
        handle.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        handle.setopt(pycurl.CAINFO, certificates(delivery.ca_file))
        handle.perform()
    except pycurl.error:
        return handle.errstr()
    finally:
        handle.close()
    return None
