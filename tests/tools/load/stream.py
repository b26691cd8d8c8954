"""The stream under test: as many real processes as there are slices, started as an operator starts them."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import orjson

from flows.operations.monitor import SliceAnswer, fetch
from tests.tools.load.children import Child, python
from tests.tools.load.settings import KEY_VARIABLE
from tests.tools.load.waiting import NotStartedError

_HOST: Final = "127.0.0.1"
_READY_SECONDS: Final = 120.0


@dataclass(slots=True)
class Stream:
    """The running slices."""

    directory: Path
    settings: Path
    count: int
    health_port: int
    children: list[Child] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    """The slices that did not stop cleanly, with their exit codes and last words."""

    @property
    def urls(self) -> list[str]:
        """Where each slice tells how it fares."""
        return [f"http://{_HOST}:{self.health_port + index}" for index in range(self.count)]

    def statuses(self) -> list[SliceAnswer]:
        """Ask every slice."""
        return fetch(self.urls)

    def start(self) -> None:
        """Start every slice. Raises OSError."""
        for index in range(self.count):
            arguments = ["--slice", f"{index}/{self.count}"] if self.count > 1 else []
            environment = {
                KEY_VARIABLE: "no-key-of-anybody",
                "STREAM_SUMMARY": str(self._summary(index)),
                "STREAM_LOG": "json",
                "PYTHONFAULTHANDLER": "1",
            }
            command = python("flows", "run", "--settings", str(self.settings), *arguments)
            log = self.directory / f"slice-{index}.log"
            self.children.append(Child(f"slice {index}", command, log, environment))

    def await_ready(self, is_over: Callable[[], bool], seconds: float = _READY_SECONDS) -> None:
        """Wait until every slice is ready. Raises NotStartedError."""
        until = time.monotonic() + seconds
        while not is_over():
            if all(each.status is not None and each.status["ready"] for each in self.statuses()):
                return
            self.raise_if_ended()
            if time.monotonic() > until:
                raise NotStartedError(f"the stream was not ready within {seconds:g} s; see {self.directory}")
            time.sleep(0.1)

    def raise_if_ended(self) -> None:
        """Raise NotStartedError where a slice has ended though nobody asked it to."""
        for child in self.children:
            if child.has_ended:
                code = child.process.returncode
                raise NotStartedError(f"{child.name} ended with {code}; its last words:\n{child.last_words()}")

    def stop(self) -> list[dict[str, Any]]:
        """Stop every slice; return the summaries of those that ended cleanly."""
        for child in self.children:
            child.ask_to_stop()
        codes = [child.stop() for child in self.children]
        self.crashed = [
            f"{child.name} ended with {code}; its last words:\n{child.last_words()}"
            for child, code in zip(self.children, codes, strict=True)
            if code
        ]
        places = [self._summary(index) for index, code in enumerate(codes) if code == 0]
        return [orjson.loads(place.read_bytes()) for place in places if place.exists()]

    def __enter__(self) -> Self:
        """Start every slice. Raises OSError."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what still runs."""
        self.stop()

    def _summary(self, index: int) -> Path:
        return self.directory.absolute() / f"summary-{index}.json"


def free_ports(count: int) -> int:
    """Return the first of as many free ports in a row. Raises OSError where there are none."""
    for _ in range(100):
        with ExitStack() as stack:
            first = stack.enter_context(_bound(0)).getsockname()[1]
            try:
                for port in range(first + 1, first + count):
                    stack.enter_context(_bound(port))
            except (OSError, OverflowError):
                continue
            return int(first)
    raise OSError(f"there are no {count} free ports in a row")


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.bind((_HOST, port))
    except BaseException:
        bound.close()
        raise
    return bound
