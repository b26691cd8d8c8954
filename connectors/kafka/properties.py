"""librdkafka's configuration: ours, the operator's on top, and what must stay as it is."""

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException

from connectors.kafka.errors import KafkaSetupError, reason_of
from connectors.kafka.log import Scrub
from connectors.kafka.settings import KafkaSource

Properties = Iterable[tuple[str, str]]

CLIENT_ID = "amplitude-appsflyer-stream"

_CONNECTION: dict[str, str] = {
    "client.id": CLIENT_ID,
    # librdkafka waits up to 10 s between two attempts, which is long after a broker's restart.
    "reconnect.backoff.max.ms": "2000",
    # While every broker is away librdkafka begins anew after this time, 20 times a second with its default of 100 ms.
    "reconnect.backoff.ms": "500",
    "socket.keepalive.enable": "true",
    # Brokers close idle connections as a matter of course.
    "log.connection.close": "false",
}

_CONSUMER: dict[str, str] = {
    # What a disk or the network has changed is an error, and no other event than the one that was produced.
    "check.crcs": "true",
    # Prefetch: one buffer for all partitions; librdkafka's default is 64 MB.
    "queued.max.messages.kbytes": "16384",
    "queued.min.messages": "20000",
    # What is fetched of a partition at a time is unpacked at once, and a batch of 100 bytes can unpack to a megabyte.
    "fetch.message.max.bytes": "131072",
    # A full buffer is asked again after this time; librdkafka's default of 1 s would leave it empty in between.
    "fetch.queue.backoff.ms": "10",
    "fetch.wait.max.ms": "100",
}

_OURS: dict[str, str] = {
    # Positions are Bytewax's, the group gets the low watermark, and a gap is never skipped in silence.
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "auto.offset.reset": "error",
    # At the end of a partition the markers of transactions take offsets, and no record says that they were passed.
    "enable.partition.eof": "true",
}

_RESERVED: dict[str, str] = {
    **dict.fromkeys(_OURS, "the stream sets it itself"),
    "auto.commit.enable": "the stream sets it itself",
    "auto.offset.reset": "use source.start and source.on_out_of_range",
    "bootstrap.servers": "use source.bootstrap_servers",
    "metadata.broker.list": "use source.bootstrap_servers",
    "group.id": "use source.group_id",
    "log.queue": "the stream sets it itself",
}

_CONNECTION_PREFIXES = (
    "security.",
    "sasl.",
    "ssl.",
    "enable.ssl.",
    "enable.sasl.",
    "https.",
    "socket.",
    "broker.address.",
    "reconnect.",
    "connections.",
    "client.",
    "api.version.",
    "resolve.",
    "debug",
    "log_level",
)

_SECRET_WORDS = ("password", "secret", "pem", "token", "jaas", "sasl.oauthbearer.config", "assertion")


def consumer_properties(settings: KafkaSource) -> dict[str, str]:
    """Return the consumer's configuration.

    Raises:
        KafkaSetupError: `[source.properties]` holds a property that the stream needs for itself.
    """
    for name, _ in settings.properties:
        if name in _RESERVED:
            raise KafkaSetupError(f"source.properties: {name!r} cannot be set here; {_RESERVED[name]}.")
    return {
        **_CONNECTION,
        **_CONSUMER,
        **dict(settings.properties),
        **_OURS,
        "bootstrap.servers": settings.bootstrap_servers,
        "group.id": settings.group_id,
    }


def check_properties(settings: KafkaSource) -> None:
    """Let librdkafka look at the properties, before any broker has to answer.

    Raises:
        KafkaSetupError: it refuses one, or the stream needs one for itself.
    """
    properties = consumer_properties(settings)
    try:
        Consumer(properties).close()
    except KafkaException as error:
        text = scrubber(settings.properties)(reason_of(error).str())
        raise KafkaSetupError(f"source.properties: {text}") from None


def connection_properties(bootstrap_servers: str, properties: Properties) -> dict[str, str]:
    """Return only what it takes to reach the brokers: librdkafka warns of a consumer's properties elsewhere."""
    chosen = {name: value for name, value in properties if name.startswith(_CONNECTION_PREFIXES)}
    return {**_CONNECTION, **chosen, "bootstrap.servers": bootstrap_servers}


def scrubber(properties: Properties) -> Scrub:
    """Return a function that blackens the values of passwords, tokens and keys wherever they occur in a text."""
    secrets = tuple(value for name, value in properties if value and any(word in name for word in _SECRET_WORDS))

    def scrub(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    return scrub
