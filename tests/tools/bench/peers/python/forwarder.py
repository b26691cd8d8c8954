"""The forwarder that a team would write in Python: confluent-kafka, aiohttp on uvloop, a number of requests at a time.

A batch's offsets are stored once every request of it was answered; librdkafka commits them. Settings come from the
environment; see ../README.md.
"""

import asyncio
import os
import random
import signal
import ssl
import sys

import aiohttp
import uvloop
from confluent_kafka import Consumer, Message

from tests.tools.bench.peers.python.translate import translate

WORKERS = int(os.environ.get("WORKERS", "64"))
BATCH = int(os.environ.get("BATCH", "2000"))
_MOST_ATTEMPTS = 8
_OK, _TIMEOUT, _TOO_MANY, _SERVER_ERROR = 200, 408, 429, 500


async def deliver(session: aiohttp.ClientSession, app_id: str, body: bytes) -> None:
    """Try until the request is answered for good."""
    for attempt in range(_MOST_ATTEMPTS):
        status = 0
        try:
            async with session.post(f"/inappevent/{app_id}", data=body) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as problem:
            sys.stderr.write(f"{problem}\n")
        if status == _OK:
            return
        if _OK < status < _SERVER_ERROR and status not in (_TIMEOUT, _TOO_MANY):
            sys.stderr.write(f"given up: status {status}\n")
            return
        await asyncio.sleep(random.uniform(0, 0.5 * 2**attempt))
    sys.stderr.write("given up\n")


async def forward(session: aiohttp.ClientSession, messages: list[Message]) -> None:
    """Send what is selected of a batch, so many at a time."""
    waiting = iter(messages)

    async def work() -> None:
        for message in waiting:
            value = message.value()
            request = translate(value) if value is not None else None
            if request is not None:
                await deliver(session, *request)

    await asyncio.gather(*(work() for _ in range(WORKERS)))


async def main() -> None:
    """Read, send, store, until a signal comes."""
    loop = asyncio.get_running_loop()
    shutdown = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown.set)
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["BOOTSTRAP"],
            "group.id": os.environ["GROUP"],
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([os.environ["TOPIC"]])
    tls = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    async with aiohttp.ClientSession(
        os.environ["ENDPOINT"],
        connector=aiohttp.TCPConnector(ssl=tls, limit=WORKERS, keepalive_timeout=60),
        headers={"authentication": os.environ["S2S_KEY"], "content-type": "application/json"},
        timeout=aiohttp.ClientTimeout(total=15),
    ) as session:
        reading = loop.run_in_executor(None, consumer.consume, BATCH, 0.2)
        while not shutdown.is_set():
            read = await reading
            reading = loop.run_in_executor(None, consumer.consume, BATCH, 0.2)  # the next, while these are sent
            messages = [each for each in read if each.error() is None]
            await forward(session, messages)
            for each in messages:
                consumer.store_offsets(each)
        await reading
    consumer.close()


if __name__ == "__main__":
    uvloop.run(main())
