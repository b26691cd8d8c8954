"""Logs: for people or as JSON, one line an entry whatever it holds, and one line of progress."""

import subprocess
import sys
from typing import Any

import orjson
import pytest

from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason
from flows.domain.ledger import Ledger
from flows.program import VARIABLE
from flows.runtime.progress import Counts, count, describe, interval_seconds

HOSTILE = "a\x1b[2J\x9b31m\n{forged}\r\u202e"
WRITE = """
import structlog
from flows.runtime.logs import configure_logs
configure_logs()
log = structlog.get_logger()
log.debug("in detail")
log.warning({hostile!r}, place={hostile!r}, many=[{hostile!r}], number=3)
try:
    raise ValueError({hostile!r})
except ValueError:
    log.exception("failed")
"""


def _written(**variables: str) -> str:
    code = WRITE.format(hostile=HOSTILE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={**variables})
    return done.stderr.decode()


def test_json_is_one_line_an_entry_and_ascii() -> None:
    """Elsewhere than on a terminal it is JSON without being asked."""
    lines = _written().splitlines()
    assert len(lines) == 2
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert orjson.loads(lines[0])["place"] == HOSTILE


def test_the_console_is_not_commanded_by_what_it_shows() -> None:
    text = _written(STREAM_LOG="console", NO_COLOR="1", PYTHONIOENCODING="utf-8")
    assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(text)
    assert not any(line.startswith("{forged}") for line in text.splitlines())
    assert "ValueError" in text
    assert "hostile" not in text, "a traceback must not show variables"


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("program", ["ampfly", "python -m flows"])
def test_commands_are_named_as_the_process_was_called(style: str, program: str) -> None:
    """A flow is Bytewax by its arguments; the command that became it has left its name."""
    said = "import structlog; structlog.get_logger().warning('no store', do='start with `python -m flows run`')"
    code = f"from flows.runtime.logs import configure_logs; configure_logs(); {said}"
    variables = {"STREAM_LOG": style, "NO_COLOR": "1", VARIABLE: program}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=variables)
    assert f"start with `{program} run`" in done.stderr.decode()


@pytest.mark.parametrize(("level", "entries"), [("debug", 3), ("info", 2), ("error", 1), ("nonsense", 2)])
def test_the_level_can_be_chosen(level: str, entries: int) -> None:
    assert len(_written(STREAM_LOG_LEVEL=level).splitlines()) == entries


class Parts:
    """As much of a process as the line needs."""

    source = None

    def __init__(self) -> None:
        self.ledger = Ledger(["one", "two"], 100)


def test_the_progress_line_counts_and_gives_rates() -> None:
    parts: Any = Parts()
    before = count(parts)
    positions = [Position("topic", 0, offset) for offset in range(3)]
    parts.ledger.open_all(positions)
    for sync in (0, 1):
        parts.ledger.delivered(positions[0], sync, 0)
        parts.ledger.dead_lettered(positions[1], sync, 0, DeadLetterReason.REJECTED)
    after = count(parts)
    assert (before, after) == (Counts(0, 0, 0), Counts(3, 2, 2))
    assert describe(parts, before, after, 30.0) == {
        "read": 3,
        "delivered": 2,
        "dead_lettered": 2,
        "pending": 1,
        "read_per_minute": 6,
        "delivered_per_minute": 4,
    }


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 60.0), ("5", 5.0), ("0", 0.0), ("-1", 60.0), ("nan", 60.0), ("x", 60.0), ("inf", 60.0)]
)
def test_the_interval(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_PROGRESS_SECONDS", text)
    assert interval_seconds() == seconds
