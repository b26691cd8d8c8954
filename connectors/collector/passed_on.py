"""Passed on: which headers of a request go on to Amplitude with its copy.

Source: Amplitude, «Proxy Analytics SDK requests»: a proxy passes the headers on, except Host. The client's address goes
in X-Forwarded-For, for `$remote` and for the place that Amplitude finds by it.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

_CONNECTION: Final = "connection"
_HOP_BY_HOP: Final = frozenset(
    {_CONNECTION, "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
"""RFC 9110, 7.6.1: they are about one connection alone."""
_OWN: Final = frozenset(
    {"host", "content-length", "content-encoding", "expect", "accept-encoding", "forwarded", "via", "x-real-ip"}
)
"""The tee says them itself, or nobody does."""
_SECRET: Final = frozenset({"cookie", "authorization"})
"""They are meant for this host, and not for Amplitude."""
_OF_PROXIES: Final = "x-forwarded-"


def passed_on(
    headers: Mapping[str, str] | Iterable[tuple[str, str]], client_address: str | None
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a copy."""
    given = list(headers.items() if isinstance(headers, Mapping) else headers)
    named = {part.strip().lower() for name, value in given if name.lower() == _CONNECTION for part in value.split(",")}
    left_out = _HOP_BY_HOP | _OWN | _SECRET | named
    kept = [
        (name, value)
        for name, value in given
        if (lower := name.lower()) not in left_out
        and not lower.startswith(_OF_PROXIES)
        and name.isascii()
        and value.isascii()
        and value.isprintable()
    ]
    return (*kept, *((("X-Forwarded-For", client_address),) if client_address is not None else ()))


def query_passed_on(query: str) -> str:
    """Return the query of a copy: as it came, but what no query may hold is percent-encoded."""
    if query.isascii() and query.isprintable() and "#" not in query and " " not in query:
        return query
    return quote(query.encode("utf-8", "surrogateescape"), safe=_SAFE)


_SAFE: Final = "".join(each for each in map(chr, range(0x21, 0x7F)) if each != "#")
