"""A pool: connections that requests share, and the requests that are under way on them.

A pool is retired as a whole when one of its requests gets no answer in time, because nobody can tell then which of its
connections still carries anything: a middlebox that forgot one says nothing (no FIN, no RST). What is under way on a
retired pool comes to its own end, so a slow but healthy connection loses nothing; only new requests go elsewhere.
"""

import errno
import os
import select
import socket
from contextlib import suppress
from functools import partial
from typing import Final

import pycurl

_MOST_IDLE_SECONDS: Final = 60
"""A connection that was idle for longer is not used again: middleboxes forget one after a minute or some."""


class Pool:
    """One multi handle of libcurl. Its sockets are watched by an epoll that several pools share."""

    __slots__ = ("_epoll", "_multi", "_owners", "act", "add", "ended", "remove", "running", "timeout_ms")

    def __init__(self, epoll: select.epoll, owners: "dict[int, Pool]", max_connections: int) -> None:
        self._epoll = epoll
        self._owners = owners
        """Which pool a watched descriptor belongs to."""
        self.running = 0
        """How many requests are under way on it."""
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, max_connections)
        multi.setopt(pycurl.M_MAXCONNECTS, max_connections)
        multi.setopt(pycurl.M_SOCKETFUNCTION, partial(_watch, self))
        # Looked up once: to find a method of a handle takes as long as to call it.
        self.add, self.remove = multi.add_handle, multi.remove_handle
        self.act, self.ended = multi.socket_action, multi.info_read
        self.timeout_ms = multi.timeout

    def watch(self, what: int, descriptor: int) -> None:
        """Do as libcurl wishes: look for reading, writing or both, or not any more."""
        owners = self._owners
        if what == pycurl.POLL_REMOVE:
            if owners.get(descriptor) is self:
                del owners[descriptor]
                try:
                    self._epoll.unregister(descriptor)
                except OSError as problem:  # libcurl may have closed it, which unregisters it too
                    if problem.errno not in (errno.EBADF, errno.ENOENT):
                        raise
            return
        mask = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        is_known = descriptor in owners
        owners[descriptor] = self
        if is_known:
            with suppress(FileNotFoundError):  # then another pool had it, and has closed it without a word
                self._epoll.modify(descriptor, mask)
                return
        self._epoll.register(descriptor, mask)

    def close(self) -> None:
        """Close the connections; nothing may be under way."""
        self._multi.close()
        for descriptor in [each for each, owner in self._owners.items() if owner is self]:
            del self._owners[descriptor]


def _watch(pool: Pool, what: int, descriptor: int, _multi: object, _data: object) -> None:
    pool.watch(what, descriptor)


def keep_alive(handle: pycurl.Curl, timeout_ms: int) -> None:
    """Let the kernel ask after a connection that is silent, and break one whose packets are not acknowledged."""
    handle.setopt(pycurl.MAXAGE_CONN, _MOST_IDLE_SECONDS)
    handle.setopt(pycurl.TCP_KEEPALIVE, 1)
    handle.setopt(pycurl.TCP_KEEPIDLE, 15)
    handle.setopt(pycurl.TCP_KEEPINTVL, 5)
    handle.setopt(pycurl.SOCKOPTFUNCTION, partial(_bound_silence, timeout_ms))


def _bound_silence(timeout_ms: int, descriptor: int, _purpose: int) -> int:
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux (RFC 5482)
    if option is not None:
        with socket.socket(fileno=os.dup(descriptor)) as connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, timeout_ms)
    return 0
