"""What a contestant is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.tools.bench.broker import Topic
from tests.tools.bench.endpoint import Endpoint

S2S_KEY: Final = "key-of-the-benchmark"


@dataclass(frozen=True, slots=True)
class Job:
    """One run: the topic to read from its beginning, and where to deliver."""

    topic: Topic
    endpoint: Endpoint
    directory: Path
    """For what this run needs, and no other has."""
    group: str
    """A consumer group that nobody has used."""
    body_file: Path
    """One body of the usual size, for those who only send."""
    bodies_file: Path
    """Many of them, as JSON lines: [app id, body]."""
