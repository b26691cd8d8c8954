"""Ways to break a connection instead of answering on it."""

import asyncio
import socket
import struct
from typing import Final

from aiohttp import web

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time left: closing sends RST instead of FIN."""


def reset(request: web.BaseRequest) -> None:
    """Reset the connection: the client sees «connection reset by peer»."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def close(request: web.BaseRequest) -> None:
    """Close the connection without a word."""
    if request.transport is not None:
        request.transport.close()


def truncate(request: web.BaseRequest, response: web.Response) -> None:
    """Send the head and the first half of the answer, then close the connection."""
    transport = request.transport
    if not isinstance(transport, asyncio.WriteTransport):
        return
    body = response.body if isinstance(response.body, bytes) else b""
    head = [f"HTTP/1.1 {response.status} {response.reason}", f"Content-Length: {max(len(body), 2)}"]
    head += [f"{name}: {value}" for name, value in response.headers.items() if name.lower() != "content-length"]
    transport.write("\r\n".join([*head, "", ""]).encode() + body[: len(body) // 2])
    transport.close()
