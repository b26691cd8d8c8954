"""How a slice fares, in a word and in sentences, and durations as people say them."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text


def state(status: dict[str, Any]) -> Text:
    """Return in one word how a slice fares; `reasons` says why."""
    if not status["alive"]:
        return Text("stuck", "bold red")
    if status["stopping"]:
        return Text("stopping", "yellow")
    if status["why"]:
        return Text("held up", "yellow")
    return Text("not ready", "yellow") if status["not_ready"] else Text("delivering", "green")


def reasons(status: dict[str, Any]) -> Sequence[str]:
    """Return what holds a slice up."""
    said = [] if status["alive"] else ["no progress: /livez says where it is stuck"]
    return list(
        dict.fromkeys([*said, *status["why"], *(f"{name}: {why}" for name, why in status["not_ready"].items())])
    )


def duration(seconds: float) -> str:
    """Return a duration as people say it: 3 s, 12 min, 5 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
