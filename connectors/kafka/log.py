"""librdkafka's log lines and the source's own warnings on their way to structlog: rate limited and free of secrets."""

import logging
from collections.abc import Callable

from connectors.limited_log import LimitedLog

Scrub = Callable[[str], str]


class LibrdkafkaHandler(logging.Handler):
    """Takes confluent-kafka's log calls, whose arguments are (facility, client, text)."""

    def __init__(self, limited: LimitedLog, scrub: Scrub) -> None:
        super().__init__()
        self._limited = limited
        self._scrub = scrub

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the line on; the facility, such as FAIL or THROTTLE, is its class."""
        match record.args:
            case (str(facility), str(client), str(text)):
                pass
            case _:
                facility, client, text = "", "", record.getMessage()
        self._limited.say(
            record.levelno,
            "librdkafka",
            message_class=f"{facility}/{record.levelno}",
            facility=facility,
            client=client,
            text=self._scrub(text),
        )


def librdkafka_logger(limited: LimitedLog, scrub: Scrub) -> logging.Logger:
    """Return what confluent-kafka takes as `logger=`. It stands outside logging's tree, so nothing is written twice."""
    logger = logging.Logger("librdkafka", level=logging.INFO)  # noqa: LOG001 - one for each client, never global
    logger.addHandler(LibrdkafkaHandler(limited, scrub))
    return logger
