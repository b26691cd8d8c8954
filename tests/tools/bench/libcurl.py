"""The limit for the stream's HTTP client: bare libcurl over pycurl's multi interface, with one constant body.

    python -m tests.tools.bench.libcurl URL CA_FILE BODY_FILE COUNT [--http1] [--in-flight N]

Nothing is read, decided, remembered or reported: handles are set up once and used again, TLS is verified, every answer
is read and its status looked at. It ends when it is told to, so that its connections can be counted.
"""

import argparse
import select
import signal
import sys
from pathlib import Path
from typing import Any

import pycurl


def main() -> int:
    """Send them all; 1 if any was not answered with 200."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("ca_file")
    parser.add_argument("body_file", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--http1", action="store_true")
    parser.add_argument("--in-flight", type=int, default=64)
    arguments = parser.parse_args()
    wrong = send(
        arguments.url,
        arguments.ca_file,
        arguments.body_file.read_bytes(),
        arguments.count,
        http1=arguments.http1,
        in_flight=arguments.in_flight,
    )
    if not wrong:
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 1 if wrong else 0


def send(url: str, ca_file: str, body: bytes, count: int, *, http1: bool, in_flight: int) -> int:
    """Send the body so many times; return how many were not answered with 200."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    epoll = select.epoll()
    watched: set[int] = set()

    def watch(what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            watched.discard(descriptor)
            epoll.unregister(descriptor)
            return
        mask = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        if descriptor in watched:
            epoll.modify(descriptor, mask)
        else:
            watched.add(descriptor)
            epoll.register(descriptor, mask)

    multi.setopt(pycurl.M_SOCKETFUNCTION, watch)
    multi.setopt(pycurl.M_TIMERFUNCTION, lambda _timeout_ms: None)
    left, running, wrong = count, 0, 0
    for _ in range(min(in_flight, count)):
        multi.add_handle(_handle(url, ca_file, body, http1=http1))
        left, running = left - 1, running + 1
    while running:
        multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for descriptor, mask in epoll.poll(0.01):
            multi.socket_action(descriptor, mask & 1 | (mask & 4) >> 1)  # EPOLLIN, EPOLLOUT → CSELECT_IN, CSELECT_OUT
        more = 1
        while more:
            more, succeeded, failed = multi.info_read()
            for handle in succeeded:
                wrong += handle.getinfo(pycurl.RESPONSE_CODE) != 200
                multi.remove_handle(handle)
                if left:
                    multi.add_handle(handle)
                    left -= 1
                else:
                    running -= 1
            for handle, *_ in failed:
                wrong, running = wrong + 1, running - 1
                multi.remove_handle(handle)
    return wrong


def _handle(url: str, ca_file: str, body: bytes, *, http1: bool) -> Any:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(
        pycurl.HTTPHEADER, ["authentication: key-of-the-benchmark", "content-type: application/json", "expect:"]
    )
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.POSTFIELDS, body)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.PIPEWAIT, 1)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1 if http1 else pycurl.CURL_HTTP_VERSION_2TLS)
    handle.setopt(pycurl.CAINFO, ca_file)
    handle.setopt(pycurl.WRITEFUNCTION, len)  # takes each piece of the answer
    return handle


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
