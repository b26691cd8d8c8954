"""State and memory, and the process itself."""

from contextlib import suppress
from importlib.metadata import version
from platform import python_version

from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.memory_limit import memory_limit_bytes
from flows.observe.metrics.metric import PACKAGE
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts


def read_state(to: Readings, parts: Parts) -> None:
    """Put what is remembered and stored."""
    now = parts.heartbeat.clock()
    to.put(v.USERS, parts.users())
    to.put(v.SNAPSHOTS, parts.sink.snapshots if parts.sink is not None else 0)
    unsaved_since = parts.sink.unsaved_since if parts.sink is not None else None
    to.put(v.SNAPSHOT_AGE, 0.0 if unsaved_since is None else max(now - unsaved_since, 0.0))
    to.put(v.SNAPSHOT_INTERVAL, parts.settings.state.epoch_seconds)
    to.put(v.SNAPSHOT_SECONDS, parts.sink.snapshot_seconds if parts.sink is not None else 0.0)
    to.put(v.JOURNAL_AGE, parts.journal.unflushed_seconds(now))
    to.put(v.JOURNAL_BYTES, parts.journal.size_bytes())
    _read_disk(to, parts)
    limit_bytes = memory_limit_bytes()
    if limit_bytes is not None:
        to.put(v.MEMORY_LIMIT, limit_bytes)


def _read_disk(to: Readings, parts: Parts) -> None:
    with suppress(OSError):
        room = parts.disk.room()
        to.put(v.STATE_DISK_FREE, room.free_bytes)
        to.put(v.STATE_DISK_RESERVE, room.reserve_bytes)
        to.put(v.STATE_DISK_FULL, room.is_full)


def read_process(to: Readings, parts: Parts) -> None:
    """Put what runs, and whether it goes on."""
    labels = (version(PACKAGE), version("bytewax"), python_version(), str(parts.part.index), str(parts.part.count))
    to.put(v.BUILD_INFO, 1, *labels)
    to.put(v.SLICES, parts.part.count)
    to.put(v.SETTINGS_TAKEN, parts.in_force.reload is None or parts.in_force.reload.ok)
    beats = parts.heartbeat
    now = beats.clock()
    if beats.workers:
        to.put(v.PROGRESS_AGE, max(now - min(beats.workers.copy().values()), 0.0), "worker")
    if beats.sender_at is not None:
        to.put(v.PROGRESS_AGE, max(now - beats.sender_at, 0.0), "courier")
    to.put(v.STOPPING, parts.shutdown.requested)
