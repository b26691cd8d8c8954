"""Which headers go on to Amplitude with a copy: the client's own, and none that is about a connection or a secret."""

from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.passed_on import passed_on, query_passed_on


def test_headers_of_the_client_are_passed_on_as_they_came() -> None:
    given = [("Content-Type", "text/plain;charset=UTF-8"), ("User-Agent", "Safari"), ("X-Mine", "a"), ("X-Mine", "b")]
    assert passed_on(given, None) == tuple(given)


def test_what_is_about_the_connection_this_host_or_a_secret_is_not() -> None:
    given = {
        "Host": "collect.example.com",
        "Connection": "keep-alive, X-Once",
        "X-Once": "1",
        "Transfer-Encoding": "chunked",
        "Content-Length": "17",
        "Content-Encoding": "gzip",
        "Accept-Encoding": "gzip",
        "Cookie": "session=1",
        "authorization": "Bearer 1",
        "X-Forwarded-Proto": "https",
        "X-Note": "caf\u00e9",
        "Accept": "*/*",
    }
    assert passed_on(given, None) == (("Accept", "*/*"),)


def test_the_clients_address_takes_the_place_of_what_proxies_said() -> None:
    given = {"X-Forwarded-For": "198.51.100.7, 10.0.0.1", "X-Real-IP": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
    assert passed_on(given, "203.0.113.9") == (("X-Forwarded-For", "203.0.113.9"),)


@given(st.binary(max_size=30))
def test_whatever_bytes_a_query_holds_it_is_one_that_means_the_same(query: bytes) -> None:
    sent = query_passed_on(query.decode("utf-8", "surrogateescape"))
    assert sent.isascii()
    assert sent.isprintable()
    assert not {" ", "#"} & set(sent)
    assert unquote_to_bytes(sent) == unquote_to_bytes(query)
    assert query_passed_on(sent) == sent
