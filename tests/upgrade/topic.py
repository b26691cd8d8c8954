"""The topic that the states of earlier releases are of: its name is in them, so one run at a time may have it."""

import contextlib
import fcntl
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.fixtures.kafka import make_again
from tests.upgrade import scene

_PATIENCE_SECONDS: Final = 30


@contextlib.contextmanager
def made_anew(admin: AdminClient, bootstrap: str) -> Iterator[None]:
    """Make the topic without records, and its group without offsets; remove both at the end."""
    place = Path(tempfile.gettempdir()) / f"{scene.TOPIC}-{re.sub('[^0-9A-Za-z]', '-', bootstrap)}.lock"
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove(admin)
        make_again(admin, scene.TOPIC, scene.PARTITIONS)
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
