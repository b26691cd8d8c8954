"""The client of Amplitude: sends a copy as it came, and returns what is answered."""

import ssl
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from connectors.certificates import certificates
from connectors.request_copy import CopiedRequest
from connectors.tee.division import is_packed

CONNECTIONS: Final = 32
"""At most; an answer takes a tenth of a second, so that 300 requests a second go on."""
_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0
_MOST_ANSWER_BYTES: Final = 262_144
"""Amplitude names at most 2,000 events, several times at the most."""
_ADDED: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""What aiohttp would add where the client has sent none."""


class Answered(NamedTuple):
    """What came of a request."""

    status: int
    """0 where there was no answer, or not all of it."""
    body: bytes
    """Its beginning, where it is too long."""
    problem: str
    """What went wrong, without any content; empty where there was an answer."""


class TeeClient:
    """Sends copies over a few connections. Belongs to one event loop."""

    def __init__(self, endpoint: str, answer_seconds: float = _ANSWER_SECONDS) -> None:
        """Connect to nothing yet."""
        self._endpoint = endpoint
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=certificates()), limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=answer_seconds, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_ADDED,
            auto_decompress=False,
        )

    async def send(self, request: CopiedRequest, body: bytes) -> Answered:
        """Send a request with a body, its own or a part of it. Never raises but when cancelled."""
        url = URL(f"{self._endpoint}{request.path}{'?' if request.query else ''}{request.query}", encoded=True)
        headers = [*request.headers, *([("Content-Encoding", "gzip")] if is_packed(body) else [])]
        try:
            # Another place that an answer names would get the events.
            async with self._session.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as response:
                return Answered(response.status, await _beginning(response.content), "")
        except TimeoutError:
            return Answered(0, b"", "nothing came for too long")
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            return Answered(0, b"", type(problem).__name__)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size < _MOST_ANSWER_BYTES and (chunk := await content.read(_MOST_ANSWER_BYTES - size)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
