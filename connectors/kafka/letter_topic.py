"""Which dead letter topic of its name it is: of one that was made again, offsets name other letters."""

from concurrent.futures import TimeoutError as NoAnswerError
from typing import Final

from confluent_kafka import KafkaException, TopicCollection, admin

from connectors.kafka.cluster import topic_id
from connectors.kafka.log import librdkafka_logger
from connectors.kafka.properties import connection_properties, scrubber
from connectors.kafka.settings import KafkaDeadLetters
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties

_ANSWER_SECONDS: Final = 10.0


def letter_topic_id(settings: KafkaDeadLetters) -> str | None:
    """Return Kafka's id of the topic; None where Kafka tells none within about 10 s. Raises SecretError."""
    properties = resolve_properties(settings.properties)
    try:
        client = admin.AdminClient(
            {**connection_properties(settings.bootstrap_servers, properties.items())},
            logger=librdkafka_logger(LimitedLog(), scrubber(properties.items())),
        )
        asked = client.describe_topics(TopicCollection([settings.topic]), request_timeout=_ANSWER_SECONDS)
        return topic_id(asked[settings.topic].result(_ANSWER_SECONDS))
    except (KafkaException, NoAnswerError):  # who reads the topic says so
        return None
