"""Loopback: a load test stays on this machine, unless its owner says that a broker elsewhere is meant for it."""

from ipaddress import ip_address
from typing import Final

_NAMES: Final = ("localhost", "ip6-localhost")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its very name."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in _NAMES


def remote_hosts(servers: str) -> list[str]:
    """Return those of Kafka's host:port addresses that are not this machine."""
    hosts = [each.strip().rpartition(":")[0] or each.strip() for each in servers.split(",") if each.strip()]
    return [host for host in hosts if not is_loopback(host)]
