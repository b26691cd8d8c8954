"""Pull: fetches past events from Amplitude's Export API, an archive for each hour. What is there is not asked for."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from connectors.export_api.answers import ExportAnswer, pause_seconds
from connectors.export_api.archives import NoArchiveError, PulledArchives
from connectors.export_api.client import ExportClient, Exported
from connectors.export_api.hours import FIRST_HOUR, available_at, count_hours, hours, last_available, name_of
from connectors.export_api.settings import PullSettings
from connectors.secrets import Secret, SecretError, SecretRef
from connectors.state.lock import StateInUseError, lock_directory
from flows.domain.printable import printable
from flows.refusal import ExitCode, Refusal, refusing
from flows.settings.model import Settings


class HourOutcome(Enum):
    """What became of an hour."""

    PULLED = "pulled"
    THERE = "was there"
    NO_DATA = "no data"
    LEFT_OUT = "left out"


class HourDone(NamedTuple):
    """An hour that is over."""

    hour: datetime
    outcome: HourOutcome
    size_bytes: int = 0
    """Of an archive that was pulled."""
    why: str = ""
    """Why it was left out."""


class Receiving(NamedTuple):
    """An hour that is asked for, and how much of its archive has come."""

    hour: datetime
    size_bytes: int = 0


class Pause(NamedTuple):
    """A pause before an hour is asked for again."""

    hour: datetime
    why: str
    seconds: float


OnStep = Callable[[HourDone | Receiving | Pause], None]


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What is to be pulled, and where to."""

    first: datetime
    last: datetime
    """Included."""
    settings: PullSettings
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @property
    def count(self) -> int:
        """How many hours there are."""
        return count_hours(self.first, self.last)

    @property
    def archives(self) -> PulledArchives:
        """Where the archives are."""
        return PulledArchives(self.settings.directory)


def plan_pull(settings: Settings, first: datetime, last: datetime | None, now: datetime) -> PullPlan:
    """Return the plan for the hours from the first to the last; None is the last that Amplitude has. Raises Refusal."""
    if settings.pull is None:
        raise Refusal(
            f'{settings.path}: no [pull]; expected api_key and secret_key; write [pull] with api_key = "env:'
            'AMPLITUDE_API_KEY" and secret_key = "env:AMPLITUDE_SECRET_KEY"'
        )
    newest = last_available(now)
    if first < FIRST_HOUR:
        raise Refusal(f"--from: Amplitude has events from before {name_of(FIRST_HOUR)} by the day only; begin there")
    for flag, hour in (("--from", first), ("--to", newest if last is None else last)):
        if hour > newest:
            raise Refusal(
                f"{flag}: Amplitude has {name_of(hour)} from {name_of(available_at(hour))} on; the last hour that it "
                f"has now is {name_of(newest)} (UTC)"
            )
    last = newest if last is None else last
    if first > last:
        raise Refusal(f"--from: {name_of(first)} is after {name_of(last)}, with which --to ends; exchange them")
    api_key = _key(settings.path, "api_key", settings.pull.api_key)
    secret_key = _key(settings.path, "secret_key", settings.pull.secret_key)
    return PullPlan(first, last, settings.pull, api_key, secret_key)


def _key(path: Path, name: str, ref: SecretRef) -> str:
    with refusing(f"{path}: pull.{name}", SecretError):
        value = Secret(ref).value()
        if name == "api_key" and ":" in value:
            raise SecretError(f"there is a colon in {ref}, which no API key has; give the API key alone")
        return value


def pull(plan: PullPlan, on_step: OnStep, sleep: Callable[[float], None] = time.sleep) -> tuple[HourDone, ...]:
    """Fetch the hours that are not there, in their order; return what became of each.

    An hour that Amplitude has no data for, or cannot give, does not stop it. Raises Refusal where it cannot go on.
    """
    directory = plan.settings.directory
    try:
        lock = lock_directory(directory)
    except StateInUseError:
        raise Refusal(f"another pull is under way in {directory}; wait for its end, or stop it") from None
    except OSError as problem:
        raise Refusal(f"pull.directory: {directory} cannot be written ({problem.strerror})") from problem
    try:
        with ExportClient(plan.settings.endpoint, plan.api_key, plan.secret_key) as client:
            pulling = _Pulling(plan, client, on_step, sleep)
            return tuple(pulling.hour(each) for each in hours(plan.first, plan.last))
    finally:
        os.close(lock)


class _Pulling:
    """Fetches one hour after another."""

    def __init__(self, plan: PullPlan, client: ExportClient, on_step: OnStep, sleep: Callable[[float], None]) -> None:
        self._plan = plan
        self._archives = plan.archives
        self._client = client
        self._on_step = on_step
        self._sleep = sleep

    def hour(self, hour: datetime) -> HourDone:
        """Return what became of an hour."""
        done = HourDone(hour, HourOutcome.THERE) if self._archives.has(hour) else self._pull(hour)
        self._on_step(done)
        return done

    def _pull(self, hour: datetime) -> HourDone:
        failures = 0
        while True:
            self._on_step(Receiving(hour))
            exported, is_kept = self._fetch(hour)
            if not exported.answer.may_pass:
                return self._done(hour, exported, is_kept=is_kept)
            failures += 1
            pause = pause_seconds(failures, exported.retry_after_seconds)
            if pause is None:
                return self._given_up(hour, exported)
            self._on_step(Pause(hour, _said(exported), pause))
            self._sleep(pause)

    def _fetch(self, hour: datetime) -> tuple[Exported, bool]:
        """Return what came, and whether it is the hour's archive now."""
        try:
            with self._archives.part(hour) as part:
                exported = self._client.fetch(hour, part, lambda size: self._on_step(Receiving(hour, size)))
                is_kept = exported.answer is ExportAnswer.ARCHIVE and self._archives.keep(hour, part)
                return exported, is_kept
        except NoArchiveError as problem:
            return Exported(ExportAnswer.UNAVAILABLE, 200, str(problem), 0.0, 0), False
        except OSError as problem:
            directory = self._plan.settings.directory
            raise self._stopped(hour, f"{directory} cannot be written ({problem.strerror})") from problem

    def _done(self, hour: datetime, exported: Exported, *, is_kept: bool) -> HourDone:
        match exported.answer:
            case ExportAnswer.ARCHIVE if is_kept:
                return HourDone(hour, HourOutcome.PULLED, exported.size_bytes)
            case ExportAnswer.ARCHIVE | ExportAnswer.NO_DATA:
                return HourDone(hour, HourOutcome.NO_DATA)
            case ExportAnswer.TOO_LARGE:
                return HourDone(hour, HourOutcome.LEFT_OUT, why=_said(exported))
            case ExportAnswer.REJECTED:
                settings = self._plan.settings
                raise self._stopped(
                    hour,
                    f"{_said(exported)}; {settings.endpoint} does not take those in {settings.api_key} and "
                    f"{settings.secret_key}; correct them, or [pull] region, which says where the project is stored",
                    ExitCode.REFUSED,
                )
            case _:
                raise self._stopped(hour, f"{_said(exported)}; is {self._plan.settings.endpoint} the Export API?")

    def _given_up(self, hour: datetime, exported: Exported) -> HourDone:
        if exported.answer is ExportAnswer.TIMED_OUT:  # it is about this hour, and the next one may be smaller
            return HourDone(hour, HourOutcome.LEFT_OUT, why=_said(exported))
        raise self._stopped(hour, _said(exported))

    def _stopped(self, hour: datetime, why: str, code: ExitCode = ExitCode.FAILED) -> Refusal:
        return Refusal(f"stopped at {name_of(hour)}: {why}\nthe same command goes on there", code)


def _said(exported: Exported) -> str:
    """Return an answer in words: what it means, and what Amplitude said itself."""
    text = printable(exported.text)
    if not exported.status:
        return f"no answer: {text}"
    return f"{exported.status}, {exported.answer.value}" + (f" ({text})" if text else "")
