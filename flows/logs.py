"""Logs: structlog, for people on a terminal, as JSON elsewhere. Never an event's content, a key or an identifier."""

import logging
import os
import sys

import structlog


def configure_logs() -> None:
    """Set up structlog: `STREAM_LOG=json` or `console` decides; without it, whether standard error is a terminal."""
    style = os.environ.get("STREAM_LOG") or ("console" if sys.stderr.isatty() else "json")
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if style == "console" else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
