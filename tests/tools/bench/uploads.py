"""Uploads: the bodies that a fleet of phones sends, and clients that post them over kept connections.

Seeded, and as Swift's SDK writes an event (some 650 bytes); batches of ten.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

API_KEY: Final = "0123456789abcdef0123456789abcdef"
BATCH: Final = 10
_USERS: Final = 5_000
_HEAD: Final = (
    b"POST /2/httpapi HTTP/1.1\r\nHost: collector\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


def requests(count: int, time_ms: int) -> list[bytes]:
    """Return whole HTTP requests, each with ten events of its own, which happened at that time."""
    found = []
    for place in range(count):
        events = [_event(place * BATCH + each, time_ms) for each in range(BATCH)]
        body = orjson.dumps({"api_key": API_KEY, "events": events})
        found.append(_HEAD % len(body) + body)
    return found


def _event(number: int, time_ms: int) -> dict[str, Any]:
    user = number % _USERS
    return {
        "user_id": f"user-{user}",
        "device_id": str(UUID(int=user)),
        "event_type": "Order Completed",
        "time": time_ms,
        "insert_id": str(UUID(int=number)),
        "session_id": time_ms,
        "event_id": number,
        "version_name": "5.2.1",
        "platform": "iOS",
        "os_name": "ios",
        "os_version": "17.4",
        "device_manufacturer": "Apple",
        "device_model": "iPhone14,2",
        "country": "Portugal",
        "language": "en",
        "ip": "$remote",
        "library": "amplitude-swift/1.18.6",
        "event_properties": {"$price": 9.99, "$quantity": 1, "sku": f"sku-{number % 100}", "source": "checkout"},
        "user_properties": {"appsflyer_id": f"1700000000000-{1_000_000 + user}", "plan": "club"},
    }


async def post_all(
    port: int, uploads: Sequence[bytes], clients: int, per_second: float, on_answer: Callable[[], None]
) -> list[float]:
    """Post everything; return the seconds from when each upload was due to its answer.

    With `per_second` 0 each client posts as soon as it has its answer. Raises RuntimeError for an answer but 200.
    """
    seconds: list[float] = []
    left = iter(enumerate(uploads))
    began = time.monotonic()
    await asyncio.gather(*(_client(port, left, began, per_second, seconds, on_answer) for _ in range(clients)))
    return seconds


async def _client(
    port: int,
    left: Iterator[tuple[int, bytes]],
    began: float,
    per_second: float,
    seconds: list[float],
    on_answer: Callable[[], None],
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for place, upload in left:
        due = time.monotonic()
        if per_second:
            due = began + place / per_second
            await asyncio.sleep(max(due - time.monotonic(), 0))
        writer.write(upload)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        answer = await reader.readexactly(length)
        if head.split()[1] != b"200":
            raise RuntimeError(f"the collector answered {answer.decode(errors='replace')[:200]}")
        seconds.append(time.monotonic() - due)
        on_answer()
    writer.close()
