"""Asks slices for their /status, all at the same time."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from flows.domain.printable import printable_json
from flows.observe.metrics.metric import COLLECTOR, PACKAGE

_SECONDS: Final = 5.0
_LARGEST_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class SliceAnswer:
    """What came of asking one slice, or a collector."""

    url: str
    at: float
    """`time.monotonic()` when it answered."""
    status: dict[str, Any] | None
    """What it said; None where it did not answer."""
    why: str = ""
    """Why there is none."""

    @property
    def text(self) -> str:
        """The status as one line of JSON."""
        return printable_json(orjson.dumps(self.status)).decode()


def fetch(urls: Sequence[str], name: str = PACKAGE) -> list[SliceAnswer]:
    """Return the answers in the order of the addresses. Never raises for one that does not answer as `name`."""
    return asyncio.run(ask(urls, name))


def fetch_collector(url: str | None) -> SliceAnswer | None:
    """Return the answer of a collector; None where there is none to be asked."""
    return None if url is None else fetch([url], COLLECTOR)[0]


async def ask(urls: Sequence[str], name: str = PACKAGE) -> list[SliceAnswer]:
    """As `fetch`, for an event loop that runs already."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_ask_one(session, url, name) for url in urls)))


async def _ask_one(session: aiohttp.ClientSession, url: str, name: str) -> SliceAnswer:
    try:
        async with session.get(f"{url}/status", allow_redirects=False) as response:
            body = await response.content.read(_LARGEST_BYTES)
            if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                return SliceAnswer(url, time.monotonic(), None, f"answered {response.status} instead of its status")
            status = orjson.loads(body)
    except TimeoutError:
        return SliceAnswer(url, time.monotonic(), None, f"no answer within {_SECONDS:g} seconds")
    except orjson.JSONDecodeError:
        return SliceAnswer(url, time.monotonic(), None, "its answer is no status of a stream")
    except aiohttp.ClientError as problem:
        return SliceAnswer(
            url, time.monotonic(), None, f"cannot be reached ({_why(problem)}); does the stream run there?"
        )
    if not isinstance(status, dict) or status.get("name") != name:
        return SliceAnswer(url, time.monotonic(), None, "its answer is no status of a stream")
    return SliceAnswer(url, time.monotonic(), status)


def _why(problem: aiohttp.ClientError) -> str:
    error = problem.os_error if isinstance(problem, aiohttp.ClientConnectorError) else None
    if error is not None and error.errno is not None and error.errno > 0:  # below are those of looking up names
        return os.strerror(error.errno)
    return printable(problem if error is None else error.strerror or error)


def printable(value: object) -> str:
    """Return a text without anything that a terminal would take for a command."""
    return "".join(each if each.isprintable() else "?" for each in str(value))
