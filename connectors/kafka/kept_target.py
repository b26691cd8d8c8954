"""What a rekeying keeps of the topic that it writes, so that it notices where that is not what it was.

`target.json` holds the topic's id and how many partitions it had.
"""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog

from connectors.kafka.cluster import Cluster
from connectors.kafka.errors import KafkaSetupError, MissingTopicError, OtherTopicError
from connectors.kafka.settings import KafkaSource
from connectors.kafka.target import TargetTopic
from connectors.kafka.watch import PartitionWatch
from connectors.limited_log import Clock, LimitedLog
from connectors.secrets import resolve_properties
from connectors.shutdown import Shutdown
from connectors.state.durable import read_checked, write_checked
from connectors.state.layout import TARGET

_VERSION: Final = 1
_POLL_SECONDS: Final = 1.0
"""How often librdkafka's lines are taken."""


def keep_target(directory: Path, target: TargetTopic, group_id: str) -> None:
    """Compare the topic with what it was at the last start, and keep what it is.

    Raises:
        KafkaSetupError: it was deleted and made again, so that what was copied to it is gone; or the file is damaged,
            or cannot be written.
    """
    path = directory / TARGET
    if target.topic_id is None:
        return
    now = {"version": _VERSION, "topic_id": target.topic_id, "partitions": target.partitions}
    before = _read(path)
    if before is not None:
        topic_id, partitions = before["topic_id"], before["partitions"]
        if topic_id != target.topic_id:
            raise KafkaSetupError(
                f"--to: {target.topic!r} was deleted and made again, and what was copied to it before is gone. To copy "
                f"everything again, remove {directory} and the group's offsets (kafka-consumer-groups --delete-offsets "
                f"--group {group_id} --topic …). To go on behind what was copied before, remove {path}."
            )
        if partitions != target.partitions:
            structlog.get_logger().warning(
                "the target has new partitions since the last start, so that keys have moved: a user's later events "
                "are on another partition than the earlier ones",
                topic=target.topic,
                partitions_before=partitions,
                partitions_now=target.partitions,
            )
    if before != now:
        try:
            write_checked(path, now)
        except OSError as problem:
            raise KafkaSetupError(f"state.directory: {path} cannot be written: {problem.strerror}") from None


class TargetWatch:
    """Looks now and then, while records are written, whether the topic is still the same. Not thread-safe."""

    def __init__(
        self, source: KafkaSource, target: TargetTopic, shutdown: Shutdown, clock: Clock = time.monotonic
    ) -> None:
        """Raises KafkaSetupError where the properties are refused, SecretError where a secret is missing."""
        properties = tuple(resolve_properties(source.properties).items())
        secret = replace(source, topic=target.topic, properties=properties)
        self._clock = clock
        self._topic = target.topic
        self._cluster = Cluster(secret, LimitedLog())
        self._poll_at = clock()
        self._watch = PartitionWatch(
            secret,
            self._cluster,
            known=target.partitions,
            owns=lambda _partition: False,  # the producer tells of new ones
            shutdown=shutdown,
            interval_seconds=source.watch_partitions_seconds,
            now=clock(),
            known_id=target.topic_id,
        )

    def look(self) -> None:
        """Look if it is time. Does not block. Raises OtherTopicError where it was made again."""
        now = self._clock()
        if now >= self._poll_at:
            self._poll_at = now + _POLL_SECONDS
            self._cluster.poll()
        with suppress(MissingTopicError):  # the producer says so
            self._watch.look(now, hurry=False)
        if self._watch.is_another:
            raise OtherTopicError(
                f"--to: {self._topic!r} was deleted and made again while it was written; what was copied to it before "
                "is gone. The next start says what can be done."
            )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = read_checked(path)
        is_known = content.keys() == {"version", "topic_id", "partitions"} and content["version"] == _VERSION
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        is_known = False
    if not is_known:
        raise KafkaSetupError(
            f"state.directory: {path} is damaged, or cannot be read. It says to which topic was copied. Where you know "
            "that the topic was not deleted and made again, remove it, and the copy goes on."
        )
    return content
