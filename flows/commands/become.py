"""Become: the process of a command goes on as Bytewax, with one of the flows."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from flows.program import VARIABLE, program
from flows.runtime.lifecycle import become
from flows.settings.model import Settings


def become_flow(flow: str, settings: Settings, recovery: Path) -> NoReturn:
    """Run the flow of that import string, with recovery on and no snapshots kept beyond the last (`-b 0`)."""
    os.environ["STREAM_SETTINGS"] = str(settings.path)
    os.environ[VARIABLE] = program()
    store = ["-r", str(recovery), "-s", str(settings.state.epoch_seconds), "-b", "0"]
    become([sys.executable, "-m", "bytewax.run", flow, *store])
