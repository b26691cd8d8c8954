"""Dead letters in a Kafka topic: the event's bytes and key as they came, everything else as headers."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.dead_letters import TRUNCATED_HEADER, LettersUnavailableError, headers
from connectors.kafka.errors import KafkaSetupError, reason_of
from connectors.kafka.log import librdkafka_logger
from connectors.kafka.properties import connection_properties, scrubber
from connectors.kafka.settings import KafkaDeadLetters
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties
from flows.domain.event import Position
from flows.domain.fate import DeadLetter

DELIVERY_SECONDS = 10.0
_POLL_SECONDS = 0.1
_LARGEST_REQUEST_BYTES = 100_000_000
_FIRST_CUT_BYTES = 900_000
_LAST_CUT_BYTES = 1_000
_BARE_HEADER_CHARACTERS = 100

_Identity = tuple[Position, str | None, int]


@dataclass(slots=True)
class _Attempt:
    """One letter on its way, and how it went."""

    letter: DeadLetter
    kept_bytes: int
    is_bare: bool = False
    """Nothing is left of its key either, and its headers are short: the last thing to try."""
    is_acknowledged: bool = False
    error: KafkaError | None = None

    def on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        self.error = error
        self.is_acknowledged = error is None

    @property
    def is_too_large(self) -> bool:
        return self.error is not None and self.error.code() == KafkaError.MSG_SIZE_TOO_LARGE

    @property
    def identity(self) -> _Identity:
        return self.letter.position, self.letter.sync, self.letter.copy


class KafkaLetterWriter:
    """Writes dead letters to `dead_letters.topic` with an idempotent producer and waits for every acknowledgement.

    A value that is larger than the topic takes (its `max.message.bytes`, 1 MB by default, after compression) is cut to
    what it takes, at worst to nothing and without its key, and says so in the header `truncated_from_bytes`: one such
    event holds up nothing, and its position leads to the rest. A letter that was acknowledged in a write that failed
    for others is not written again when the same letters come again.

    Not thread-safe.

    Raises:
        KafkaSetupError: librdkafka refuses `[dead_letters.properties]`.
        SecretError: a property's secret is missing.
    """

    def __init__(self, settings: KafkaDeadLetters, delivery_seconds: float = DELIVERY_SECONDS) -> None:
        self._settings = settings
        self._delivery_seconds = delivery_seconds
        properties = resolve_properties(settings.properties)
        self._scrub = scrubber(properties.items())
        self._log = LimitedLog()
        self._reason = ""
        self._stored: set[_Identity] = set()
        ours: dict[str, str | int | float] = {
            "enable.idempotence": "true",
            "message.timeout.ms": round(delivery_seconds * 1000),
            "message.max.bytes": _LARGEST_REQUEST_BYTES,
        }
        try:
            self._producer = Producer(
                {
                    **connection_properties(settings.bootstrap_servers, ()),
                    "compression.type": "zstd",
                    "linger.ms": 5,
                    **properties,
                    **ours,
                    "bootstrap.servers": settings.bootstrap_servers,
                    "error_cb": self._on_error,
                },
                logger=librdkafka_logger(self._log, self._scrub),
            )
        except KafkaException as error:
            raise KafkaSetupError(f"dead_letters.properties: {self._scrub(reason_of(error).str())}") from None

    def write(self, letters: list[DeadLetter]) -> None:
        """Store them all, or raise within about `delivery_seconds`.

        Raises:
            LettersUnavailableError: Kafka did not acknowledge all of them; says its reason. Write the same ones again.
        """
        every = [_Attempt(each, len(each.value)) for each in letters]
        attempts = [each for each in every if each.identity not in self._stored]
        self._send(attempts)
        for attempt in attempts:
            if attempt.is_too_large:
                self._send_alone(attempt)
        failed = [each for each in attempts if not each.is_acknowledged]
        if failed:
            self._stored.update(each.identity for each in attempts if each.is_acknowledged)
            raise LettersUnavailableError(
                f"dead_letters.topic: {len(failed)} of {len(letters)} dead letters were not stored in "
                f"{self._settings.topic!r} at {self._settings.bootstrap_servers}: {self._why(failed)}"
            )

        self._stored.difference_update(each.identity for each in every)

    def close(self) -> None:
        """Let go of the connection; nothing is outstanding between writes."""
        self._producer.purge()
        self._producer.flush(_POLL_SECONDS)

    def _send_alone(self, attempt: _Attempt) -> None:
        """Send in full, in case that it was its batch that was too large; then less and less of it."""
        for kept_bytes in (len(attempt.letter.value), *cuts(len(attempt.letter.value))):
            attempt.kept_bytes = kept_bytes
            self._send([attempt])
            if not attempt.is_too_large:
                break
        else:
            attempt.is_bare = True
            self._send([attempt])
        if attempt.is_acknowledged:
            self._log.say(
                logging.WARNING,
                "a dead letter is larger than its topic takes and was cut",
                topic=self._settings.topic,
                position=str(attempt.letter.position),
                value_bytes=len(attempt.letter.value),
                kept_bytes=attempt.kept_bytes,
            )

    def _send(self, attempts: Sequence[_Attempt]) -> None:
        for attempt in attempts:
            attempt.error = None
            self._produce(attempt)
        # Every message has its answer after message.timeout.ms; the rest is for the answer's own way.
        deadline = time.monotonic() + self._delivery_seconds + 1.0
        while self._producer.flush(_POLL_SECONDS) and time.monotonic() < deadline:
            pass

    def _produce(self, attempt: _Attempt) -> None:
        letter = attempt.letter
        texts = dict(headers(letter))
        if attempt.kept_bytes < len(letter.value):
            texts[TRUNCATED_HEADER] = str(len(letter.value))
        if attempt.is_bare:
            texts = {name: text[:_BARE_HEADER_CHARACTERS] for name, text in texts.items()}
        deadline = time.monotonic() + self._delivery_seconds
        while True:
            try:
                self._producer.produce(
                    self._settings.topic,
                    value=letter.value[: attempt.kept_bytes],
                    key=None if attempt.is_bare else letter.key,
                    headers=encoded(texts),
                    on_delivery=attempt.on_delivery,
                )
            except BufferError:
                if time.monotonic() >= deadline:
                    return
                self._producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                attempt.error = reason_of(error)
                return
            else:
                return

    def _why(self, failed: Sequence[_Attempt]) -> str:
        reasons = {each.error.str() for each in failed if each.error is not None} | {self._reason} - {""}
        return self._scrub("; ".join(sorted(reasons)) or "no answer")

    def _on_error(self, error: KafkaError) -> None:
        self._reason = error.str()


def encoded(texts: Mapping[str, str]) -> list[tuple[str, str | bytes | None]]:
    """Return Kafka headers. What UTF-8 cannot say becomes a question mark."""
    return [(name, text.encode(errors="replace")) for name, text in texts.items()]


def cuts(size_bytes: int) -> list[int]:
    """Return the sizes to try, all below `size_bytes`, each half of the one before; nothing at all is the last."""
    sizes = []
    size = _FIRST_CUT_BYTES
    while size >= _LAST_CUT_BYTES:
        if size < size_bytes:
            sizes.append(size)
        size //= 2
    return [*sizes, 0] if size_bytes else sizes
