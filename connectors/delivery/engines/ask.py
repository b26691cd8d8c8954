"""One request beside the stream's own, such as for an erasure: with its proxy, trusted certificates and time-out."""

from typing import Final

import pycurl

from connectors.certificates import certificates
from connectors.delivery.engines.exchange import EngineLane, Exchange
from connectors.delivery.settings import DeliveryTable
from connectors.ports import Answer, Endpoint

_CONNECT_TIMEOUT_MS: Final = 10_000


def ask(endpoint: Endpoint, delivery: DeliveryTable, body: bytes | None = None) -> Answer:
    """GET an address, or POST a body of JSON to it, with the key as a bearer token (RFC 6750).

    Returns as an engine does: status 0 where no status line came. No redirect is followed.
    """
    exchange = Exchange(EngineLane(endpoint))
    handle = exchange.handle
    try:
        go_the_streams_way(handle, delivery)
        timeout_ms = max(int(delivery.timeout_seconds * 1000), 1)
        handle.setopt(pycurl.URL, endpoint.url)
        handle.setopt(pycurl.TIMEOUT_MS, timeout_ms)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, min(_CONNECT_TIMEOUT_MS, timeout_ms))
        headers = [f"authorization: Bearer {endpoint.key}", "accept: application/json", "expect:"]
        if body is not None:
            headers.append("content-type: application/json")
            handle.setopt(pycurl.POST, 1)
            exchange.begin(body, None)
        handle.setopt(pycurl.HTTPHEADER, headers)
        handle.perform()
        return exchange.answer()
    except pycurl.error as problem:
        return exchange.broken(f"libcurl {problem.args[0]}: {handle.errstr()}", exchange.seconds())
    finally:
        handle.close()


def go_the_streams_way(handle: pycurl.Curl, delivery: DeliveryTable) -> None:
    """Let a handle connect as the stream does."""
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.PROXY, delivery.proxy or "")
    handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    handle.setopt(pycurl.CAINFO, certificates(delivery.ca_file))
