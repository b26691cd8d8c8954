"""The device's address, as servers and proxies write it.

Sources: AppsFlyer, OpenAPI of the S2S events API (`ip` is IPv4); IANA, special-purpose address registries.
"""

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.appsflyer.address import Address, read_address
from flows.domain.warning import EventWarning

NOT_IPV4, NOT_PUBLIC = EventWarning.NOT_IPV4, EventWarning.NOT_PUBLIC_IP


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("8.8.4.4", "8.8.4.4"), ("203.0.113.7", "203.0.113.7"), ("192.0.2.1", "192.0.2.1"), ("192.0.1.1", "192.0.1.1"),
        ("172.15.0.1", "172.15.0.1"), ("100.63.255.255", "100.63.255.255"), (" 8.8.4.4\t", "8.8.4.4"),
        ("::ffff:203.0.113.7", "203.0.113.7"), ("::FFFF:8.8.4.4", "8.8.4.4"), ("::ffff:808:404", "8.8.4.4"),
        ("0:0:0:0:0:ffff:8.8.4.4", "8.8.4.4"), ("::8.8.4.4", "8.8.4.4"), ("64:ff9b::8.8.4.4", "8.8.4.4"),
        ("::ffff:0:8.8.4.4", "8.8.4.4"), ("[::ffff:8.8.4.4]", "8.8.4.4"), ("[::ffff:8.8.4.4]:80", "8.8.4.4"),
        ("[8.8.4.4]:443", "8.8.4.4"), ("8.8.4.4:567", "8.8.4.4"), ('"8.8.4.4"', "8.8.4.4"), ("'8.8.4.4:1'", "8.8.4.4"),
        ("::ffff:8.8.4.4%eth0", "8.8.4.4"), ("8.8.4.4, 10.0.0.1", "8.8.4.4"), ("10.0.0.1,8.8.4.4,1.1.1.1", "8.8.4.4"),
        ("unknown, 8.8.4.4", "8.8.4.4"), ("::1, ::ffff:10.0.0.1, ::ffff:8.8.4.4, 1.1.1.1", "8.8.4.4"),
        (" , ,8.8.4.4:22 , 1.1.1.1", "8.8.4.4"), ("$remote, 8.8.4.4", "8.8.4.4"),
    ],
)  # fmt: skip
def test_a_public_address_is_found(text: str, ip: str) -> None:
    assert read_address(text) == Address(ip)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        *((ip, NOT_PUBLIC) for ip in (
            *("0" + ".0" * 3,), "127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.9", "169.254.1.1",
            "100.64.0.1", "100.127.255.255", "198.18.0.1", "192.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
            "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%en0", "fd12::1", "[::1]:80", "::ffff:10.0.0.1",
            "::ffff:127.0.0.1", "10.0.0.1:80", " 10.0.0.1 ", "10.0.0.1, 192.168.0.1", "::10.0.0.1", "unknown, 10.0.0.1",
        )),
        *((ip, NOT_IPV4) for ip in (
            "256.1.1.1", "1.2.3", "1.2.3.4.5", "unknown", "2001:db8::1", "2606:4700::1111", "[2606:4700::1111]:443",
            "2606:4700::1111, 8.8.4.4", "010.1.1.1", "1.2.3.4/24", "x" * 2000, ":", "[", "[]:80", "..",
        )),
        *((nothing, None) for nothing in ("$remote", " $remote ", "", "  ")),
    ],
)  # fmt: skip
def test_what_is_no_public_ipv4_address_is_left_out_and_said(text: str, warning: EventWarning | None) -> None:
    """A private or a server's address would put the user in a wrong place."""
    assert read_address(text) == Address(None, warning)


EXAMPLES = [ipaddress.ip_network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


@given(
    st.ip_addresses(v=4) | st.sampled_from([*map(ipaddress.IPv4Address, ("100.64.0.1", "192.0.0.9", "203.0.114.1"))])
)
@example(ipaddress.IPv4Address("224.0.0.1"))
def test_it_is_sent_where_the_registries_call_it_global(address: ipaddress.IPv4Address) -> None:
    """As Python's `ipaddress`, but for the ranges of documents, and for addresses of groups."""
    is_public = any(address in network for network in EXAMPLES) or (address.is_global and not address.is_multicast)
    expected = Address(str(address)) if is_public else Address(None, NOT_PUBLIC)
    assert read_address(str(address)) == expected
    assert read_address(f"::ffff:{address}") == expected


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.text('0123456789.:,[]% "$f', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    ip = read_address(text).ip
    assert ip is None or str(ipaddress.IPv4Address(ip)) == ip
