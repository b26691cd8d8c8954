"""Rows about delivery: what AppsFlyer answers, and what holds deliveries up."""

from typing import Final

from deploy.monitoring.dashboard.panel import (
    FLAG,
    GOOD,
    Panel,
    Query,
    Row,
    State,
    least,
    most,
    quantiles,
    rate,
    series,
    total,
)
from flows.observe.metrics import vocabulary as v

_APP: Final = ("sync", "platform")
_OF_APP: Final = "{{sync}} {{platform}}"

ANSWERS: Final = Row(
    "What does AppsFlyer answer?",
    (
        Panel(
            "Answers per second",
            "areas",
            (v.ANSWERS,),
            (Query(rate(v.ANSWERS, *_APP, "status", "class"), f"{_OF_APP} {{{{status}}}} {{{{class}}}}"),),
            "reqps",
            12,
        ),
        Panel(
            "Delivered at the first attempt, and after a retry, per second",
            "areas",
            (v.DELIVERIES,),
            (Query(rate(v.DELIVERIES, "sync", "attempt"), "{{sync}} {{attempt}}"),),
            "reqps",
            12,
        ),
        Panel("How long requests take", "lines", (v.REQUEST_SECONDS,), quantiles(v.REQUEST_SECONDS, *_APP), "s", 12),
        Panel(
            "Since the last delivery",
            "lines",
            (v.LAST_DELIVERY,),
            (Query(f"time() - {most(v.LAST_DELIVERY, *_APP)}", _OF_APP),),
            "s",
            12,
        ),
    ),
)


def _circuit(state: str) -> str:
    of_state = series(v.CIRCUIT, f'circuit="{state}"')
    return f"max by (sync, platform) ({of_state})"


HINDRANCES: Final = Row(
    "What holds deliveries up?",
    (
        Panel(
            "Circuits",
            "states",
            (v.CIRCUIT,),
            (Query(f"{_circuit('open')} + 2 * {_circuit('paused')} + 3 * {_circuit('paused_by_settings')}", _OF_APP),),
            width=12,
            states=(
                State(0, "closed", "green"),
                State(1, "open", "orange"),
                State(2, "paused", "red"),
                State(3, "paused by settings", "blue"),
            ),
        ),
        Panel(
            "Ready, by check",
            "states",
            (v.READY,),
            (Query(least(v.READY, "check"), "{{check}}"),),
            width=12,
            states=GOOD,
        ),
        Panel(
            "Requests per second, and the limit",
            "lines",
            (v.RATE_LIMIT, v.ANSWERS),
            (
                Query(rate(v.ANSWERS, *_APP), _OF_APP),
                Query(f"{total(v.RATE_LIMIT, *_APP)} < +Inf", f"limit {_OF_APP}"),
            ),
            "reqps",
        ),
        Panel(
            "Requests under way, and the limit",
            "lines",
            (v.IN_FLIGHT, v.CONCURRENCY_LIMIT),
            (
                Query(total(v.IN_FLIGHT, *_APP), _OF_APP),
                Query(total(v.CONCURRENCY_LIMIT, *_APP), f"limit {_OF_APP}"),
            ),
        ),
        Panel(
            "Requests that wait",
            "areas",
            (v.WAITING, v.RETRIES_WAITING, v.SET_ASIDE),
            (
                Query(total(v.WAITING, *_APP), f"may go {_OF_APP}"),
                Query(total(v.SET_ASIDE, *_APP), f"on disk {_OF_APP}"),
                Query(total(v.RETRIES_WAITING), "for their retry"),
            ),
        ),
        Panel(
            "The oldest that waits",
            "lines",
            (v.OLDEST_WAITING,),
            (Query(most(v.OLDEST_WAITING, "sync"), "{{sync}}"),),
            "s",
        ),
        Panel("Events held for their AppsFlyer id", "lines", (v.HELD,), (Query(total(v.HELD), "held"),)),
        Panel(
            "With the windows, the sink, and dead letters",
            "areas",
            (v.WINDOW_ITEMS, v.UNFINISHED, v.LETTERS_WAITING),
            (
                Query(total(v.WINDOW_ITEMS), "in windows"),
                Query(total(v.UNFINISHED), "with the sink"),
                Query(total(v.LETTERS_WAITING), "dead letters to store"),
            ),
        ),
        Panel("How full micro-batches are", "lines", (v.WINDOW_BATCHES,), quantiles(v.WINDOW_BATCHES)),
        Panel(
            "Stopped by",
            "states",
            (v.BRAKE, v.JOURNAL_BLOCKED, v.LETTERS_BLOCKED, v.STATE_DISK_FULL),
            (
                Query(most(v.BRAKE), "the brake"),
                Query(most(v.JOURNAL_BLOCKED), "the journal"),
                Query(most(v.LETTERS_BLOCKED), "dead letters' place"),
                Query(most(v.STATE_DISK_FULL), "the state disk"),
            ),
            width=24,
            height=6,
            states=FLAG,
        ),
    ),
)
