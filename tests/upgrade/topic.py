"""The topic that the states of earlier releases are of: its name is in them, so one run at a time may have it."""

import contextlib
import fcntl
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.upgrade import scene

_PATIENCE_SECONDS: Final = 30


@contextlib.contextmanager
def made_anew(admin: AdminClient, bootstrap: str) -> Iterator[None]:
    """Make the topic without records, and its group without offsets; remove both at the end."""
    place = Path(tempfile.gettempdir()) / f"{scene.TOPIC}-{re.sub('[^0-9A-Za-z]', '-', bootstrap)}.lock"
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove(admin)
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                made = admin.create_topics([NewTopic(scene.TOPIC, scene.PARTITIONS, 1)])
                made[scene.TOPIC].result(timeout=_PATIENCE_SECONDS)
            except KafkaException:  # its deletion takes a moment
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                break
        try:
            yield
        finally:
            _remove(admin)


def _remove(admin: AdminClient) -> None:
    for removed in (
        *admin.delete_topics([scene.TOPIC]).values(),
        *admin.delete_consumer_groups([scene.GROUP]).values(),
    ):
        with contextlib.suppress(KafkaException):  # there is none
            removed.result(timeout=_PATIENCE_SECONDS)
