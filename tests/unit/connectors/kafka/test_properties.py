"""librdkafka's configuration: what the operator may change, what not, and what is never shown."""

import pytest

from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.properties import check_properties, connection_properties, consumer_properties, scrubber
from connectors.kafka.settings import KafkaSource


def settings(**properties: str) -> KafkaSource:
    pairs = tuple((name.replace("_", "."), value) for name, value in properties.items())
    return KafkaSource("127.0.0.1:9", "events", "stream", properties=pairs)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("group.id", "source.group_id"),
        ("bootstrap.servers", "source.bootstrap_servers"),
        ("metadata.broker.list", "source.bootstrap_servers"),
        ("auto.offset.reset", "source.start"),
        ("enable.auto.commit", "the stream sets it itself"),
        ("auto.commit.enable", "the stream sets it itself"),
        ("enable.auto.offset.store", "the stream sets it itself"),
        ("enable.partition.eof", "the stream sets it itself"),
    ],
)
def test_what_the_stream_needs_for_itself_is_refused_by_name(name: str, instead: str) -> None:
    source = KafkaSource("b", "t", "g", properties=((name, "x"),))
    with pytest.raises(KafkaSetupError, match=rf"source\.properties: '{name}' cannot be set here; .*{instead}"):
        consumer_properties(source)


def test_the_prefetch_is_bounded_unless_the_operator_says_otherwise() -> None:
    assert consumer_properties(settings())["queued.max.messages.kbytes"] == "16384"
    assert consumer_properties(settings(queued_max_messages_kbytes="1024"))["queued.max.messages.kbytes"] == "1024"


def test_librdkafka_accepts_every_default() -> None:
    check_properties(settings())


def test_librdkafkas_complaint_names_the_property_and_not_the_secret() -> None:
    source = settings(sasl_password="hunter2", fetch_wait_max_ms="hunter2")  # noqa: S106 - an invented one
    with pytest.raises(KafkaSetupError, match=r"source\.properties: .*fetch\.wait\.max\.ms") as refusal:
        check_properties(source)
    assert "hunter2" not in str(refusal.value)


def test_other_clients_get_what_it_takes_to_connect_and_nothing_of_the_consumer() -> None:
    source = settings(security_protocol="SASL_SSL", sasl_password="p", fetch_min_bytes="1")  # noqa: S106 - as above
    properties = connection_properties("b:1", source.properties)
    assert properties["security.protocol"] == "SASL_SSL"
    assert properties["sasl.password"] == "p"
    assert properties["bootstrap.servers"] == "b:1"
    assert "fetch.min.bytes" not in properties


@pytest.mark.parametrize(
    "name",
    ["sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "ssl.keystore.password"],
)
def test_every_kind_of_secret_is_blackened(name: str) -> None:
    assert scrubber([(name, "hunter2"), ("client.id", "me")])("me: hunter2, hunter2!") == "me: ***, ***!"


def test_an_empty_secret_blackens_nothing() -> None:
    assert scrubber([("sasl.password", "")])("text") == "text"
