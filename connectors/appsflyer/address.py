"""The device's address: an event's `ip` → the one public IPv4 address in it, however servers and proxies write it.

Sources: AppsFlyer, OpenAPI of the S2S events API (`ip` is IPv4; the place is taken from it, else from the install);
IANA, special-purpose address registries, as in Python's `ipaddress`; RFC 4291 and RFC 6052 for IPv4 within IPv6.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, NamedTuple

from flows.domain.warning import EventWarning

_BYTE: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_FURTHER_LOOK: Final = r"(?:0|10|100|127|169|172|192|198|203|22[4-9]|2[3-5][0-9])\."
"""First bytes of networks of which a part is not public: all other addresses are, and need no further look."""
_PUBLIC_IPV4: Final = re.compile(rf"(?!{_FURTHER_LOOK}){_BYTE}(?:\.{_BYTE}){{3}}")
_REMOTE: Final = "$remote"
"""Amplitude's word for «the address that the upload came from»; it never reaches an export."""
_EXAMPLES: Final = (IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24"))
_EXAMPLES_6: Final = IPv6Network("2001:db8::/32")
"""Addresses of documents and tests (RFC 5737, RFC 3849). They stand for public ones, and no device has one."""
_WITHIN_IPV6: Final = (IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Whose last 32 bits are an IPv4 address, beside those of `::ffff:0:0/96`, which the stdlib knows."""
_SHORTEST: Final = 1 << 16
"""Below it are `::` and `::1`, which are IPv6's own."""
_LONGEST_TEXT: Final = 1000


class Address(NamedTuple):
    """What is sent as `ip`, or why nothing is."""

    ip: str | None
    warning: EventWarning | None = None


_NOTHING: Final = Address(None)
_NOT_IPV4: Final = Address(None, EventWarning.NOT_IPV4)
_NOT_PUBLIC: Final = Address(None, EventWarning.NOT_PUBLIC_IP)


def read_address(text: str) -> Address:
    """Return the first public address of `1.2.3.4`, `::ffff:1.2.3.4`, `[…]:443`, or a proxies' list of such."""
    if _PUBLIC_IPV4.fullmatch(text):
        return Address(text)
    return _look_at(text) if len(text) <= _LONGEST_TEXT else _NOT_IPV4


@lru_cache(maxsize=4096)
def _look_at(text: str) -> Address:
    if text.strip() in ("", _REMOTE):
        return _NOTHING
    found = [address for part in text.split(",") if (address := _parse(part)) is not None]
    public = next((address for address in found if _is_public(address)), None)
    if isinstance(public, IPv4Address):
        return Address(str(public))
    return _NOT_PUBLIC if found and public is None else _NOT_IPV4


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of one member of a list, without blanks, quotes, brackets, port and zone."""
    text = text.strip().strip("\"'").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        if ":" not in text:
            return IPv4Address(text.strip())
        address = IPv6Address(text.strip().partition("%")[0])
    except AddressValueError:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if any(address in network for network in _WITHIN_IPV6) and number >= _SHORTEST:
        return IPv4Address(number & 0xFFFFFFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether it is globally routable, and one device's."""
    if isinstance(address, IPv4Address):
        is_example = any(address in network for network in _EXAMPLES)
    else:
        is_example = address in _EXAMPLES_6
    return is_example or (address.is_global and not address.is_multicast)
