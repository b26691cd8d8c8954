"""Which topic of a name is there now, and of which the group has committed offsets: asked once, for `check`."""

from collections.abc import Iterable
from concurrent.futures import TimeoutError as NoAnswerError
from dataclasses import replace
from typing import NamedTuple

from confluent_kafka import KafkaException

from connectors.kafka.cluster import Cluster, committed, notes, topic_id
from connectors.kafka.errors import KafkaSetupError, reason_of
from connectors.kafka.note import CommitMetadata
from connectors.kafka.probe import ANSWER_SECONDS, ProbeError
from connectors.kafka.properties import scrubber
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties


class Committed(NamedTuple):
    """What is there, and what the group says of itself."""

    topic_id: str | None
    """None of a broker that tells none."""
    offsets: dict[int, int]
    notes: dict[int, CommitMetadata]


def ask_origin(source: KafkaSource, partitions: Iterable[int]) -> Committed:
    """Ask. Raises ProbeError within some seconds where no answer comes, SecretError where a secret is missing."""
    secret = replace(source, properties=tuple(resolve_properties(source.properties).items()))
    try:
        cluster = Cluster(secret, LimitedLog())
        described = cluster.ask_partitions()[0].result(2 * ANSWER_SECONDS)
        of_group = [cluster.ask_committed(partitions)[0].result(2 * ANSWER_SECONDS)]
    except KafkaException as error:
        raise ProbeError(scrubber(secret.properties)(reason_of(error).str())) from None
    except KafkaSetupError as error:
        raise ProbeError(str(error)) from None
    except NoAnswerError:
        raise ProbeError("no answer about the topic and the group") from None
    return Committed(topic_id(described), committed(of_group), notes(of_group))
