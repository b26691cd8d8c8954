"""Who may ask a server that listens on this machine: no page of a browser, whatever name it has given to the address.

A web page can let a browser ask any address that the machine reaches, and by DNS rebinding even read the answer under
a name of its own. Such a request names a foreign Host or Origin.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


def why_refused(headers: Mapping[str, str], listens_on: str) -> str | None:
    """Return why a request is refused; None where it may be answered.

    Where the server listens on a loopback address, Host is an IP address, a name of this machine itself, or
    `listens_on`. Where others reach it, by names that only they know, Host is not looked at. An Origin is that Host.
    """
    host = headers.get("Host", "")
    name = _name(host)
    is_known = not host or name == _bare(listens_on) or name in _LOOPBACK_NAMES or _is_address(name)
    if not is_known and is_loopback(listens_on):
        return "Host is not a name of this machine; ask by its IP address or as localhost"
    origin = headers.get("Origin")
    if origin is not None and (not host or _netloc(origin) != host.lower()):
        return "Origin is another site's"
    if headers.get("Sec-Fetch-Site") == "cross-site":
        return "the request comes from another site's page"
    return None


def is_loopback(host: str) -> bool:
    """Return whether an address, or a name, to listen on is this machine's own."""
    bare = _bare(host)
    return bare in _LOOPBACK_NAMES or (_is_address(bare) and ip_address(bare).is_loopback)


def _netloc(origin: str) -> str:
    """Return the host and port of an origin; empty where it is none, such as `null`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]").lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
