"""Refusals that a test broker does not give: each names the setting and says what to do."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.kafka.errors import is_missing_topic, reason_of, setup_error
from connectors.kafka.settings import KafkaSource

SETTINGS = KafkaSource("broker:9092", "events", "stream", properties=(("sasl.password", "hunter2"),))


@pytest.mark.parametrize(
    ("code", "setting", "advice"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "source.topic", "Describe and Read on the topic"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "source.group_id", "Describe and Read on the group"),
        (KafkaError._AUTHENTICATION, "source.properties", "sasl.password"),
        (KafkaError.SASL_AUTHENTICATION_FAILED, "source.properties", "sasl.password"),
        (KafkaError.UNSUPPORTED_SASL_MECHANISM, "source.properties", "sasl.mechanism"),
        (KafkaError.TOPIC_EXCEPTION, "source", "source.topic"),
        (KafkaError.INVALID_GROUP_ID, "source", "source.group_id"),
    ],
)
def test_what_does_not_go_away_by_itself_names_its_setting_and_what_to_do(code: int, setting: str, advice: str) -> None:
    error = setup_error(KafkaError(code), SETTINGS)
    assert error is not None
    assert str(error).startswith(f"{setting}: ")
    assert advice in str(error)
    assert "broker:9092" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError.NOT_COORDINATOR,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    ],
)
def test_what_may_go_away_by_itself_is_no_refusal(code: int) -> None:
    assert setup_error(KafkaError(code), SETTINGS) is None


def test_a_missing_topic_or_partition_is_recognised() -> None:
    assert is_missing_topic(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert is_missing_topic(KafkaError(KafkaError._UNKNOWN_PARTITION))
    assert not is_missing_topic(KafkaError(KafkaError._TIMED_OUT))


def test_the_reason_of_an_exception_without_one_is_its_text() -> None:
    assert "odd" in reason_of(KafkaException("odd")).str()
