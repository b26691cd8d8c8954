"""The client's address is the nearest one that no trusted proxy has."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.client_address import client_address
from tests.fixtures.examples import examples

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # no proxy of ours: it may say what it likes
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.7, 198.51.100.1"], "198.51.100.1"),  # what comes before is the client's invention
        ("10.0.0.1", ["198.51.100.1, 10.2.3.4"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.2.3.4"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:50123"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:50123"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", [""], None),
        (None, ["198.51.100.1"], None),
        ("", ["198.51.100.1"], None),
    ],
)
def test_it_is_the_nearest_address_that_is_no_trusted_proxy(
    peer: str | None, forwarded_for: list[str], address: str | None
) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == address


@given(st.lists(st.text(max_size=30), max_size=3), st.text(max_size=30) | st.ip_addresses().map(str))
@examples(200)
def test_whatever_a_header_holds_the_answer_is_an_address_or_none(forwarded_for: list[str], peer: str) -> None:
    found = client_address(peer, forwarded_for, TRUSTED)
    assert found is None or ip_network(found).num_addresses == 1


@given(st.ip_addresses(v=4).map(str), st.lists(st.ip_addresses().map(str), max_size=3))
@examples(200)
def test_nobody_is_believed_where_no_proxy_is_trusted(peer: str, forwarded_for: list[str]) -> None:
    assert client_address(peer, forwarded_for, []) == peer
