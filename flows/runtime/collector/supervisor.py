"""Supervisor: keeps one child process running, with a back-off, and knows its last words."""

import asyncio
import contextlib
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

log = structlog.get_logger()

_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 60.0
_STEADY_SECONDS: Final = 60.0
"""A child that ran for so long begins with a short wait again."""
_LAST_WORDS: Final = 20


class Supervisor:
    """One child. Belongs to one event loop, whose main thread is the child's parent."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        first_wait_seconds: float = _FIRST_WAIT_SECONDS,
    ) -> None:
        """Take a command of this Python, as it follows `python`; nothing is started yet."""
        self._first_wait_seconds = first_wait_seconds
        self._command = (sys.executable, "-m", "flows.runtime.collector.supervised", *command)
        self._environment = environment
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._try_now = asyncio.Event()
        self._lines: deque[str] = deque(maxlen=_LAST_WORDS)
        self.last_words: Sequence[str] = ()
        """The last lines on standard error of the child that ended last."""
        self.starts = 0
        self.exit_code: int | None = None
        """How the child ended that ended last."""

    @property
    def is_running(self) -> bool:
        """Whether the child runs."""
        return self._child is not None

    @property
    def is_missing(self) -> bool:
        """Whether the child does not run, although it is to."""
        return self._child is None and self.starts > 0 and not self._stopping.is_set()

    def renew(self) -> None:
        """Let `run` be called again after a stop."""
        self._stopping.clear()
        self._try_now.clear()

    async def run(self) -> None:
        """Start the child, and start it again whenever it ends, until `stop` is called."""
        wait_seconds = self._first_wait_seconds
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                code = await self._run_once()
            except OSError as problem:  # no process can be made at the moment
                code, self.last_words = None, (problem.strerror or type(problem).__name__,)
            if self._stopping.is_set():
                return
            if time.monotonic() - began > _STEADY_SECONDS:
                wait_seconds = self._first_wait_seconds
            log.error(
                "the stream ended; events are still taken in, and wait",
                exit_code=code,
                again_in_seconds=wait_seconds,
                last_words=self.last_words[-1] if self.last_words else None,
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._try_now.wait()
            if self._try_now.is_set():
                self._try_now.clear()
                wait_seconds = self._first_wait_seconds
            else:
                wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)

    def reload(self) -> None:
        """Let the child read its settings again, or start it at once where it waits for its next try."""
        if self._child is None:
            self._try_now.set()
        else:
            with contextlib.suppress(ProcessLookupError):  # it has just ended, and reads them as it starts
                self._child.send_signal(signal.SIGHUP)

    async def stop(self, timeout_seconds: float) -> None:
        """Ask the child to stop, and wait for it; kill it if it takes longer."""
        self._stopping.set()
        self._try_now.set()
        child = self._child
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_seconds):
                await child.wait()
        except TimeoutError:
            log.error("the stream does not stop; it is killed", patience_seconds=timeout_seconds)
            self.kill()

    def kill(self) -> None:
        """End the child at once."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()

    async def _run_once(self) -> int:
        self._lines.clear()
        self.starts += 1
        child = self._child = await asyncio.create_subprocess_exec(
            *self._command,
            env=dict(self._environment),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the parent, which asks the child once; a second signal ends it at once
        )
        if self._stopping.is_set():
            child.terminate()
        try:
            await self._pass_on(child)
            self.exit_code, self.last_words = await child.wait(), tuple(self._lines)
        finally:
            self._child = None
        return self.exit_code

    async def _pass_on(self, child: asyncio.subprocess.Process) -> None:
        """Write the child's lines to our own standard error, and keep the last."""
        if child.stderr is None:
            return
        while line := await _line(child.stderr):
            with contextlib.suppress(OSError):  # a closed terminal, or a full disk, is no reason to let go of the child
                sys.stderr.buffer.write(line)
                sys.stderr.flush()
            self._lines.append(line.decode(errors="replace").rstrip())


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than the reader's limit, whose content is dropped
        return b"(a line that is too long)\n"
