"""The verdict: how a slice fares in one word, and why. Pure: from its status, as JSON holds it, to words.

The word is the worst that holds. Nothing is «delivering» while events become dead letters that should not.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

EXPECTED: Final = frozenset({"no_appsflyer_id", "no_platform"})
"""Reasons of which each app's users have their share: they are trouble only where most events end so."""
_MOST: Final = 0.5
"""As the alert StreamAppsFlyerIdMissing has it."""
_PARTIAL: Final = "records"
"""The check of damaged partitions: the others are read on."""
_SAID: Final = frozenset({"source", "disk", "brake"})
"""Checks whose trouble holds the whole slice up, and is said as such."""
_MINUTE: Final = 60
_CLOSED: Final = "closed"
_BY_SETTINGS: Final = "paused_by_settings"


class SliceState(StrEnum):
    """How a slice fares, the worst first."""

    STUCK = "stuck"
    STOPPING = "stopping"
    HELD_UP = "held up"
    """Nothing is delivered."""
    STARTING = "starting"
    PAUSED = "paused"
    """Nothing is sent, as the settings say for every sync."""
    NOT_READY = "not ready"
    DEGRADED = "degraded"
    """A part of the events is not delivered: an app in trouble, a damaged partition, or dead letters that grow."""
    DRAINING = "draining"
    """The input is over; what was read is brought to its end."""
    IDLE = "idle"
    """Nothing came in lately, and nothing waits."""
    DELIVERING = "delivering"


class SliceVerdict(NamedTuple):
    """The word, and what to know beside it."""

    state: SliceState
    reasons: tuple[str, ...]
    """Each once, in words."""


def judge_slice(status: Mapping[str, Any]) -> SliceVerdict:
    """Judge a slice by its status. A status of an earlier version lacks members; what they would say is not said."""
    apps = [app for sync in status["syncs"] if sync["enabled"] for app in sync["apps"]]
    in_trouble = {app["trouble"] for app in apps if app.get("trouble")}
    whole = [why for why in status["why"] if why not in in_trouble]
    not_ready = {
        name: why
        for name, why in status["not_ready"].items()
        if name not in ("running", "apps") and not (whole and (name in _SAID or any(why in each for each in whole)))
    }
    losses = list(_losses(status))
    reasons = [
        *([] if status["alive"] else ["no progress: /livez says where it is stuck"]),
        *status["why"],
        *(f"{name}: {why}" for name, why in not_ready.items()),
        *losses,
    ]
    down = [app for app in apps if app["circuit"] != _CLOSED]
    state = _state(
        status,
        is_held_up=bool(whole),
        is_ready=not_ready.keys() <= {_PARTIAL},
        down=down,
        apps=apps,
        loses=bool(losses) or _PARTIAL in not_ready,
    )
    return SliceVerdict(state, tuple(dict.fromkeys(reasons)))


def _state(  # noqa: PLR0911 - one return a word
    status: Mapping[str, Any],
    *,
    is_held_up: bool,
    is_ready: bool,
    down: list[dict[str, Any]],
    apps: list[dict[str, Any]],
    loses: bool,
) -> SliceState:
    if not status["alive"]:
        return SliceState.STUCK
    if status["stopping"]:
        return SliceState.STOPPING
    if is_held_up:
        return SliceState.HELD_UP
    if status["not_ready"].get("running") == "starting":
        return SliceState.STARTING
    if down and len(down) == len(apps):
        return SliceState.PAUSED if all(app["circuit"] == _BY_SETTINGS for app in down) else SliceState.HELD_UP
    if not is_ready:
        return SliceState.NOT_READY
    if down or loses:
        return SliceState.DEGRADED
    if status.get("input_ended"):
        return SliceState.DRAINING
    return SliceState.IDLE if _is_idle(status) else SliceState.DELIVERING


def _is_idle(status: Mapping[str, Any]) -> bool:
    recent = status.get("recent")
    lag = (status["source"]["lag"] or {"events": 0})["events"]
    waits = any(sync["pending"] for sync in status["syncs"] if sync["enabled"])
    came = recent is None or recent["read"] or any(sync["delivered"] for sync in recent["syncs"].values())
    return not (came or lag or waits)


def _losses(status: Mapping[str, Any]) -> Iterator[str]:
    """Say which events became dead letters lately that should not, and what could not be read."""
    recent = status.get("recent")
    if recent is None:
        return
    lately = _lately(recent["seconds"])
    for reason, count in recent["refused"].items():
        yield f"{count:,} of {recent['read']:,} events are dead letters {lately}: {reason}"
    for name in recent["syncs"]:
        yield from losses_of(status, name)
    if recent["damaged"]:
        count = recent["damaged"]
        yield f"{count:,} damaged {'place' if count == 1 else 'places'} in the input {lately}; the log names each"


def losses_of(status: Mapping[str, Any], name: str) -> Iterator[str]:
    """Say which events of a sync became dead letters lately that should not."""
    recent = status.get("recent")
    if recent is not None and name in recent["syncs"]:
        sync, lately = recent["syncs"][name], _lately(recent["seconds"])
        ended = sync["delivered"] + sum(sync["dead_lettered"].values())
        expected = sum(count for reason, count in sync["dead_lettered"].items() if reason in EXPECTED)
        for reason, count in sync["dead_lettered"].items():
            if reason not in EXPECTED or expected > _MOST * ended:
                yield (
                    f"{name}: {count:,} of {ended:,} events that came to their end are dead letters {lately}: "
                    f"{reason}{_answer(status, name, reason)}"
                )


def _lately(seconds: float) -> str:
    return f"in the last {seconds / _MINUTE:.0f} min" if seconds >= _MINUTE else f"in the last {seconds:.0f} s"


def _answer(status: Mapping[str, Any], name: str, reason: str) -> str:
    """Say what AppsFlyer answered last where it was a refusal."""
    if reason != "rejected":
        return ""
    answers = [
        app["last_answer"]
        for sync in status["syncs"]
        if sync["name"] == name and sync["enabled"]
        for app in sync["apps"]
        if (app["last_answer"] or {}).get("class") == reason
    ]
    return f" ({answers[0]['status']}: {answers[0].get('meaning', reason)})" if answers else ""
