"""What stops the Kafka source, each with a text that says what to do."""

from confluent_kafka import KafkaError, KafkaException

from connectors.kafka.settings import KafkaSource
from connectors.ports import SetupError


class KafkaSourceError(Exception):
    """The Kafka source cannot go on."""


class KafkaSetupError(KafkaSourceError, SetupError):
    """Kafka refuses the source as it is set up; starting again without a change gives the same answer."""


class MissingTopicError(KafkaSetupError):
    """There is no such topic."""


class OffsetsGoneError(KafkaSourceError):
    """Kafka no longer has, or never had, the offset that is to be read next."""


class OtherTopicError(KafkaSetupError):
    """The topic was deleted and made again, and whoever reads it does not begin anew by itself."""


class GroupInUseError(KafkaSourceError):
    """Another process reads for the group."""


class StoppedWhileWaitingError(KafkaSourceError):
    """A stop was requested while the source was waiting for Kafka; nothing was read and nothing failed."""


_BAD_CREDENTIALS = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's local codes are public under these names
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
    }
)
_TOPIC_DENIED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
_GROUP_DENIED = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED})
_NO_TOPIC = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - as above
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - as above
    }
)
_BAD_NAME = frozenset({KafkaError.TOPIC_EXCEPTION, KafkaError.INVALID_GROUP_ID})


def reason_of(error: KafkaException) -> KafkaError:
    """Return what librdkafka says inside the exception."""
    inner = error.args[0]
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError._FAIL, str(inner))  # noqa: SLF001 - as above


def is_missing_topic(error: KafkaError) -> bool:
    """Whether Kafka says that the topic, or one of its partitions, does not exist."""
    return error.code() in _NO_TOPIC


def missing_topic(settings: KafkaSource) -> MissingTopicError:
    """Return the error for a topic that is not there."""
    return MissingTopicError(
        f"source.topic: there is no topic {settings.topic!r} at {settings.bootstrap_servers}. Create it, "
        "or correct source.topic or source.bootstrap_servers."
    )


def setup_error(error: KafkaError, settings: KafkaSource) -> KafkaSetupError | None:
    """Return what to tell the operator if the error will not go away by itself, else None.

    A missing topic is not among these: right after its creation a broker may not know it yet.
    """
    code, at = error.code(), settings.bootstrap_servers
    if code in _BAD_CREDENTIALS:
        return KafkaSetupError(
            f"source.properties: Kafka at {at} refuses the credentials ({error.str()}). "
            "Check security.protocol, sasl.mechanism, sasl.username and sasl.password."
        )
    if code in _TOPIC_DENIED:
        return KafkaSetupError(
            f"source.topic: Kafka at {at} does not let this user read {settings.topic!r} ({error.str()}). "
            "Allow it Describe and Read on the topic."
        )
    if code in _GROUP_DENIED:
        return KafkaSetupError(
            f"source.group_id: Kafka at {at} does not let this user be the group {settings.group_id!r} "
            f"({error.str()}). Allow it Describe and Read on the group, or choose another source.group_id."
        )
    if code in _BAD_NAME:
        return KafkaSetupError(
            f"source: Kafka at {at} does not accept the topic {settings.topic!r} or the group {settings.group_id!r} "
            f"({error.str()}). Correct source.topic or source.group_id."
        )
    return None
