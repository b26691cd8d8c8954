"""Templates: Jinja2's, with everything escaped, nothing undefined, and no value longer than a page bears."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.domain.duration import duration
from flows.domain.printable import printable
from flows.observe.verdict import SliceState
from flows.operations.delivery_state import DeliveryState

_LONGEST: Final = 300
"""Characters of one value. What others have written may be megabytes long."""
_MINUTE: Final = 60
_UNKNOWN: Final = "-"
_KINDS: Final[dict[str, str]] = {
    **dict.fromkeys((DeliveryState.RUNNING, SliceState.DELIVERING, SliceState.IDLE, SliceState.DRAINING), "good"),
    **dict.fromkeys((DeliveryState.DISABLED, DeliveryState.PAUSED, SliceState.PAUSED), "neutral"),
    **dict.fromkeys(
        (
            DeliveryState.NO_ANSWER,
            DeliveryState.STUCK,
            DeliveryState.KEY_REFUSED,
            DeliveryState.KEY_MISSING,
            DeliveryState.INTERCEPTED,
            DeliveryState.HELD_UP,
            DeliveryState.CIRCUIT_OPEN,
        ),
        "bad",
    ),
}
"""All others are a warning."""


def templates(static_path: Callable[[str], str]) -> Environment:
    """Return the environment; `static_path` gives the address of a static file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=bounded,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_path
    environment.filters |= {
        "count": count,
        "duration": duration,
        "latency": latency,
        "per_second": per_second,
        "percent": percent,
        "clock": clock,
        "kind": kind,
    }
    return environment


def bounded(value: Any) -> Any:
    """Return a value as it may be shown: a text without control characters or invisible signs, and cut with a sign."""
    if isinstance(value, str) and not isinstance(value, Markup):
        cut = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        return printable(cut)
    return value


def count(value: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,}"


def per_second(value: float | None) -> str:
    """Return a rate; a dash where it is not known."""
    if value is None:
        return _UNKNOWN
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"  # noqa: PLR2004 - digits that tell something


def percent(share: float | None) -> str:
    """Return a share; never 100 % where something is missing."""
    if share is None:
        return _UNKNOWN
    return f"{int(share * 1000) / 10:.1f} %"


def latency(seconds: float) -> str:
    """Return a short duration with digits that tell something."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < _MINUTE else duration(seconds)


def clock(time: str) -> str:
    """Return a time, which is given as ISO 8601, as UTC to the second."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def kind(state: str) -> str:
    """Return how a state is coloured: good, neutral, warning or bad. The word itself says it as well."""
    return _KINDS.get(state, "warning")
