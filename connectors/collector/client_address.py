"""The address of the client that sent a request, behind the proxies that are trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Return the nearest address that is no trusted proxy; None where that is no address.

    `peer` is the other end of the connection; `forwarded_for` are the values of X-Forwarded-For, in their order: each
    proxy adds the address that it was asked from. What stands before the first address that is not trusted may be
    anybody's invention.
    """
    address = _address(peer)
    hops = [each for value in forwarded_for for each in value.split(",")]
    while address is not None and hops and _is_trusted(address, trusted):
        address = _address(hops.pop())
    return None if address is None else str(address)


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    """Return the address; some proxies add its port."""
    if text is None:
        return None
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
