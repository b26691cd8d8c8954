"""The topologies are functions: importing one does nothing, so that tools and tests may look at them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.runtime.environment import TAKEN_OUT

LOOK = """\
import os, signal, sys, threading, importlib

def looked():
    handlers = [signal.getsignal(each) for each in signal.valid_signals()]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return handlers, blocked, dict(os.environ), threading.active_count(), os.listdir()

before = looked()
module = importlib.import_module(sys.argv[1])
assert looked() == before
assert callable(module.flow)
print(sorted({"flows.settings", "flows.runtime.lifecycle", "confluent_kafka", "pycurl", "_ssl"} & set(sys.modules)))
"""


@pytest.mark.parametrize("topology", ["flows.stream", "flows.replay", "flows.rekey"])
def test_importing_one_does_nothing(topology: str, tmp_path: Path) -> None:
    """No settings are read, no signal is handled, no variable is taken out, nothing heavy is loaded."""
    environment = {**os.environ, **dict.fromkeys(TAKEN_OUT, "nothing"), "STREAM_SETTINGS": "not-there.toml"}
    for name in ("OPENSSL_CONF", "OPENSSL_MODULES"):  # Python itself may load OpenSSL
        del environment[name]
    command = [sys.executable, "-c", LOOK, topology]
    done = subprocess.run(command, env=environment, cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    assert done.stdout == b"[]\n"
