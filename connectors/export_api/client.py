"""The client of the Export API: asks for one hour at a time, and writes what comes into a file."""

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

import aiohttp

from connectors.certificates import certificates
from connectors.delivery.scrub import scrub
from connectors.export_api.answers import ExportAnswer, meaning, retry_after_seconds
from connectors.export_api.hours import parameter_of
from connectors.export_api.settings import EXPORT_PATH

_CONNECT_SECONDS: Final = 30.0
_SILENCE_SECONDS: Final = 900.0
"""For so long may nothing come: the export is made before its first byte is sent."""
_CHUNK_BYTES: Final = 1 << 20
_LONGEST_TEXT_BYTES: Final = 1 << 16


class Exported(NamedTuple):
    """What came of the request for one hour."""

    answer: ExportAnswer
    status: int
    """0 where there was no answer, or not all of it."""
    text: str
    """What Amplitude said beside, or why there is no answer; without the keys."""
    retry_after_seconds: float
    size_bytes: int
    """Of the archive."""


class ExportClient:
    """Asks for hours, one after another. A context: leaving it closes the connection."""

    def __init__(
        self, endpoint: str, api_key: str, secret_key: str, *, silence_seconds: float = _SILENCE_SECONDS
    ) -> None:
        """Nothing is asked yet. The keys are printable ASCII, and the API key has no colon."""
        self._url = endpoint + EXPORT_PATH
        self._keys = (secret_key, api_key)
        self._headers = {
            "Authorization": f"Basic {b64encode(f'{api_key}:{secret_key}'.encode()).decode()}",
            "Accept-Encoding": "identity",
        }
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS, sock_read=silence_seconds
        )
        self._runner = asyncio.Runner()
        self._session = self._runner.run(self._open())

    def __enter__(self) -> Self:
        """Connect to nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._runner.run(self._session.close())
        self._runner.close()

    def fetch(self, hour: datetime, into: BinaryIO, on_bytes: Callable[[int], None]) -> Exported:
        """Ask for an hour, and write its archive. `on_bytes` is told how much has come. Raises OSError of the file."""
        return self._runner.run(self._fetch(hour, into, on_bytes))

    async def _open(self) -> aiohttp.ClientSession:
        trusted = ssl.create_default_context(cafile=certificates())
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusted, limit=1),
            timeout=self._timeout,
            headers=self._headers,
        )

    async def _fetch(self, hour: datetime, into: BinaryIO, on_bytes: Callable[[int], None]) -> Exported:
        hours = {"start": parameter_of(hour), "end": parameter_of(hour)}
        try:
            # Another place that an answer names would get the keys.
            async with self._session.get(self._url, params=hours, allow_redirects=False) as response:
                answer = meaning(response.status)
                if answer is not ExportAnswer.ARCHIVE:
                    retry_after = retry_after_seconds(response.headers.get("Retry-After", ""), datetime.now(UTC))
                    return Exported(answer, response.status, await self._said(response), retry_after, 0)
                size_bytes = 0
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    into.write(chunk)
                    size_bytes += len(chunk)
                    on_bytes(size_bytes)
                return Exported(answer, response.status, "", 0.0, size_bytes)
        except TimeoutError:
            return self._no_answer("nothing came for too long")
        except aiohttp.ClientError as problem:
            return self._no_answer(_why(problem))

    async def _said(self, response: aiohttp.ClientResponse) -> str:
        if "html" in response.headers.get("Content-Type", ""):
            return "a page for people"
        text = (await response.content.read(_LONGEST_TEXT_BYTES)).decode(errors="replace")
        return self._scrubbed(text)

    def _no_answer(self, why: str) -> Exported:
        return Exported(meaning(0), 0, self._scrubbed(why), 0.0, 0)

    def _scrubbed(self, text: str) -> str:
        for key in self._keys:
            text = scrub(text, key)
        return text


def _why(problem: aiohttp.ClientError) -> str:
    match problem:
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate is not to be trusted: {problem.certificate_error}"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))) if number > 0:
            return os.strerror(number)  # those below are of looking up names
        case aiohttp.ClientConnectorError():
            return problem.strerror or str(problem)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "the connection broke off"
        case _:
            return str(problem) or type(problem).__name__
