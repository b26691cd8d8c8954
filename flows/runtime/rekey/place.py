"""From which topic to which, under which group, and where the position is kept."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from connectors.kafka.settings import KafkaSource, Topic, kafka_dead_letters, kafka_source
from connectors.state.layout import rekey_directory
from flows.domain.slice import Slice
from flows.settings.model import Settings
from flows.settings.tables import StateTable

FROM_VARIABLE: Final = "STREAM_REKEY_FROM"
TO_VARIABLE: Final = "STREAM_REKEY_TO"
_TOPIC: Final = TypeAdapter[str](Topic)


class PlaceError(Exception):
    """What is asked for makes no sense. The text names the key or flag and says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is read and what is written. Both topics are in one cluster, that of `[source]`."""

    source: KafkaSource
    """`[source]`, with the topic that is read and a group of its own, for each topic that is written."""
    to_topic: str
    state: StateTable
    stream_group_id: str
    """The group of `[source]` itself."""
    hand_over: bool = False
    """End where that group stands, and let it go on in the other topic from there."""

    def directory(self, part: Slice) -> Path:
        """Return where a slice keeps its position."""
        return self.state.slice_directory(part)


def place(settings: Settings, from_topic: str | None, to_topic: str | None, *, hand_over: bool = False) -> Place:
    """Return it. The topic that is not given is `source.topic`. Raises PlaceError."""
    source = kafka_source(settings.source)
    if source is None:
        raise PlaceError('source.kind: it has no keys to go by; expected a Kafka topic to rekey, kind = "kafka"')
    if not from_topic and not to_topic:
        raise PlaceError("rekey: say which topic to write: --to TOPIC; or which one to read, to write source.topic")
    read, written = from_topic or source.topic, to_topic or source.topic
    for topic in (read, written):
        try:
            _TOPIC.validate_python(topic)
        except ValidationError:
            what = "up to 249 of A-Z a-z 0-9 . _ -"
            raise PlaceError(f"rekey: {topic!r} is no topic's name; expected {what}; correct it") from None
    if read == written:
        raise PlaceError(f"rekey: {read!r} would be read and written; name another topic with --to or --from")
    letters = kafka_dead_letters(settings.dead_letters)
    if letters is not None and letters.topic in (read, written):
        raise PlaceError(f"rekey: {letters.topic!r} is dead_letters.topic; name another topic")
    return Place(
        replace(source, topic=read, group_id=f"{source.group_id}-rekey-{written}"),
        written,
        settings.state.model_copy(update={"directory": rekey_directory(settings.state.directory, read, written)}),
        source.group_id,
        hand_over=hand_over,
    )
