"""The fixtures that tests share; each plugin's fixtures are lazy, so nothing starts that no test asks for."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("stream", deadline=None)
hypothesis.settings.load_profile("stream")

pytest_plugins = (
    "tests.fixtures.kafka",
    "tests.fixtures.kafka_container",
    "tests.fixtures.kafka_local",
    "tests.fixtures.kafka_tls",
    "tests.fixtures.stream",
    "tests.fixtures.topics",
)


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Undo what a command does to the process that it runs in: its logs, and the rights of what it makes."""
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)
    structlog.reset_defaults()
