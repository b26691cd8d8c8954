"""How a slice fares, in a word and in sentences."""

from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from flows.observe.verdict import SliceState, judge_slice

_STYLES: Final = {
    SliceState.STUCK: "bold red",
    SliceState.HELD_UP: "bold red",
    SliceState.DELIVERING: "green",
    SliceState.IDLE: "green",
    SliceState.DRAINING: "green",
}


def state(status: dict[str, Any]) -> Text:
    """Return in one word how a slice fares; `reasons` says why."""
    word = judge_slice(status).state
    return Text(word.value, _STYLES.get(word, "yellow"))


def reasons(status: dict[str, Any]) -> Sequence[str]:
    """Return what holds a slice up, or parts of its events."""
    return judge_slice(status).reasons


def oldest(status: dict[str, Any]) -> float:
    """Return how long the oldest event of any sync waits, in seconds; 0 if none does."""
    return max((sync.get("oldest_waiting_seconds", 0.0) for sync in status["syncs"] if sync["enabled"]), default=0.0)
