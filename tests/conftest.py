"""The fixtures that tests share; each plugin's fixtures are lazy, so nothing starts that no test asks for."""

import os
import signal
from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = (
    "tests.fixtures.browser",
    "tests.fixtures.clients",
    "tests.fixtures.examples",
    "tests.fixtures.execs",
    "tests.fixtures.kafka",
    "tests.fixtures.kafka_container",
    "tests.fixtures.kafka_local",
    "tests.fixtures.kafka_tls",
    "tests.fixtures.stream",
    "tests.fixtures.process",
    "tests.fixtures.scene",
    "tests.fixtures.serving",
    "tests.fixtures.collecting",
    "tests.fixtures.time_limit",
    "tests.fixtures.topics",
)


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Undo what a command does to the process that it runs in: its logs, the rights of what it makes, its signals.

    Signals that stayed blocked would be blocked in every process that a later test starts, and no stop would reach it.
    """
    before = os.umask(0)
    os.umask(before)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    os.umask(before)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    structlog.reset_defaults()
