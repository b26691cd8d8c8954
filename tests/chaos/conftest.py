"""The scenarios' fixtures: a world each, and the line that it prints."""

import os
import random
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.world import World
from tests.fixtures.stream import Stream

PARTITIONS = 4


@pytest.fixture
def seed() -> int:
    """Return CHAOS_SEED, else a new one; it is printed, so that a run can be repeated."""
    given = os.environ.get("CHAOS_SEED", "")
    return int(given) if given else random.SystemRandom().randrange(100_000)


@pytest.fixture
def write_line(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that writes a line past pytest's capture."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    terminal = request.config.pluginmanager.getplugin("terminalreporter")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(line)

    return write


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    stream: Stream,
    kafka: str,
    make_topic: Callable[..., str],
    seed: int,
    write_line: Callable[[str], None],
) -> Iterator[World]:
    """Return a world with a topic of its own; its name is the test's."""
    name = str(request.node.name).removeprefix("test_").replace("_", " ")
    topic = make_topic(partitions=PARTITIONS)
    made = World(name[:34], seed, stream, kafka, topic, stream.directory / "record.ndjson", write_line)
    with made.cleanup:
        yield made
