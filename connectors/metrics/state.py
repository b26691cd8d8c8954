"""State and memory, and the process itself."""

from importlib.metadata import version
from platform import python_version

from connectors.metrics import vocabulary as v
from connectors.metrics.parts import Parts
from connectors.metrics.readings import Readings


def read_state(to: Readings, parts: Parts) -> None:
    """Put what is remembered and stored."""
    now = parts.heartbeat.clock()
    to.put(v.USERS, parts.users())
    to.put(v.SNAPSHOTS, parts.snapshots)
    to.put(v.SNAPSHOT_AGE, max(now - parts.snapshot_at, 0.0))
    to.put(v.SNAPSHOT_SECONDS, parts.sink.snapshot_seconds if parts.sink is not None else 0.0)
    to.put(v.JOURNAL_AGE, parts.journal.unflushed_seconds(now))
    to.put(v.JOURNAL_BYTES, parts.journal.size_bytes())


def read_process(to: Readings, parts: Parts) -> None:
    """Put what runs, and whether it goes on."""
    labels = (version(v.PACKAGE), version("bytewax"), python_version(), str(parts.slice_index), str(parts.slice_count))
    to.put(v.BUILD_INFO, 1, *labels)
    beats = parts.heartbeat
    now = beats.clock()
    if beats.workers:
        to.put(v.PROGRESS_AGE, max(now - min(beats.workers.copy().values()), 0.0), "worker")
    if beats.courier_at is not None:
        to.put(v.PROGRESS_AGE, max(now - beats.courier_at, 0.0), "courier")
    to.put(v.STOPPING, parts.stopping.requested)
