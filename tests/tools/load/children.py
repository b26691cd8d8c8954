"""The processes that a load test starts: each in a session of its own, stopped by us alone, and never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_TERM_SECONDS: Final = 60.0


class Child:
    """One process, with its output in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        is_patient: bool = True,
    ) -> None:
        """Start it. Raises OSError. `is_patient`: give it a minute to stop in its own way."""
        self.name = name
        self.log = log
        self._is_patient = is_patient
        self._was_asked = False
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.process.poll() is not None

    def ask_to_stop(self) -> None:
        """Send it SIGTERM, once: to the stream a second one means to stop at once."""
        if not self.has_ended and not self._was_asked:
            self._was_asked = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to stop, wait, and kill it if it does not; return its exit code."""
        self.ask_to_stop()
        try:
            return self.process.wait(_TERM_SECONDS if self._is_patient else 5.0)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()

    def last_words(self, characters: int = 2000) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours."""
    return [sys.executable, "-m", module, *arguments]
