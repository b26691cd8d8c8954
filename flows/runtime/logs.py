"""Logs: structlog, for people on a terminal, as JSON elsewhere. Never an event's content, a key or an identifier.

What comes from outside, such as a file's name or Kafka's words, can neither begin a line of its own nor command the
terminal: JSON escapes it, and for people it is made printable.
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from flows.domain.printable import printable
from flows.program import as_called
from flows.runtime.environment import ignored

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs() -> None:
    """Set up structlog: `STREAM_LOG=json` or `console` decides; without it, whether standard error is a terminal.

    `STREAM_LOG_LEVEL` is debug, info (the default), warning or error.
    """
    style = os.environ.get("STREAM_LOG") or ("console" if sys.stderr.isatty() else "json")
    last: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer()]
    if style == "console":
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        plain = structlog.dev.plain_traceback  # the other kind shows the values of variables
        last = [_all_printable, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *last,
            _as_called,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            _LEVELS.get(os.environ.get("STREAM_LOG_LEVEL", "").lower(), logging.INFO)
        ),
        # Asked anew each time: a progress bar that is shown takes the place of standard error.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        # Not cached: a log is rare, and what is cached could never be set up anew, as tests do.
        cache_logger_on_first_use=False,
    )
    names = ignored()
    if names:
        structlog.get_logger().warning(
            "environment variables that the stream does not go by are ignored",
            names=names,
            do="say it in the settings, or unset them; docs/security.md says what each would do",
        )


def _as_called(_logger: object, _name: str, line: Any) -> str:
    """Name each command in a line as this process was called."""
    return as_called(str(line))


def _all_printable(_logger: object, _name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make every text printable; a traceback keeps its lines, each set in from those that begin an entry."""
    for name, value in entry.items():
        if name == "exception":
            entry[name] = "\n".join(f"    {printable(line)}" for line in str(value).split("\n"))
        elif not isinstance(value, int | float | None):
            entry[name] = printable(str(value))
    return entry
