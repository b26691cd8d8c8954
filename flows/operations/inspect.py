"""Inspect: which events a source holds now, and which identifiers they carry. Touches no group and no state."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Final

from connectors.kinds import source_of
from connectors.sample import SampleError
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifier_paths import IdentifierPaths
from flows.domain.identifier_reader import DeviceReading
from flows.domain.identifiers import APPSFLYER_ID, PLATFORM_IDENTIFIERS, WITHOUT
from flows.domain.resolve import stated_by
from flows.domain.select import compile_select
from flows.operations.check.kept import with_kept
from flows.operations.check.syncs import syncs_of
from flows.operations.inspection import IdentifierSeen, Inspection, NameSeen, PlatformSeen
from flows.operators.identity_rules import identity_rules
from flows.refusal import ExitCode, Refusal
from flows.settings.model import Settings

UNKNOWN: Final = "unknown"
_MOST_NAMES: Final = 10_000
_MOST_USERS: Final = 1_000_000
_MOST_DAMAGES: Final = 20
IDENTIFIERS: Final = {
    "ios": (APPSFLYER_ID, *PLATFORM_IDENTIFIERS["ios"], "att"),
    "android": (APPSFLYER_ID, *PLATFORM_IDENTIFIERS["android"]),
    UNKNOWN: (APPSFLYER_ID,),
}
"""Platform → the identifiers that matter there."""


def inspect(settings: Settings, limit: int | None) -> Inspection:
    """Look at up to `limit` of the newest records of the settings' source; None: at all of them.

    Raises Refusal where the source cannot be looked at.
    """
    source = source_of(settings.source)
    damages: list[str] = []

    def on_damage(problem: str) -> None:
        if len(damages) < _MOST_DAMAGES:
            damages.append(problem)

    counts = _Counts(settings)
    try:
        counts.count(source.latest(limit, on_damage))
    except SampleError as error:
        raise Refusal(f"{settings.path}: {error}", ExitCode.FAILED) from error
    return counts.inspection(source.title, damages, is_whole=limit is None)


class _OfPlatform:
    """What is counted of one platform."""

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._names = IDENTIFIERS.get(platform, ())
        self.events = 0
        self._users: dict[int, int] = {}
        """Hash of a user's key → the identifiers that its events carry, a bit for each."""
        self._found: Counter[str] = Counter()
        self._paths: Counter[tuple[str, str]] = Counter()
        self._malformed: Counter[str] = Counter()
        self._zeroed: Counter[str] = Counter()

    def count(self, event: Event, reading: DeviceReading, paths: dict[str, str]) -> None:
        self.events += 1
        self._found.update(reading.told.keys())
        self._paths.update(paths.items())
        self._malformed.update(reading.malformed)
        self._zeroed.update(reading.zeroed)
        user = hash(event.user_key)
        if user in self._users or len(self._users) < _MOST_USERS:
            bits = sum(1 << place for place, name in enumerate(self._names) if name in reading.told)
            self._users[user] = self._users.get(user, 0) | bits

    def seen(self) -> PlatformSeen:
        return PlatformSeen(self._platform, self.events, len(self._users), [*self._identifiers()])

    def _identifiers(self) -> Iterator[IdentifierSeen]:
        for place, name in enumerate(self._names):
            paths = {path: events for (of, path), events in self._paths.most_common() if of == name}
            users = sum(bits >> place & 1 for bits in self._users.values())
            counts = self._found[name], users, paths, self._malformed[name], self._zeroed[name]
            yield IdentifierSeen(name, *counts, WITHOUT[name])


class _Counts:
    """What is counted of a source."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = identity_rules(settings)
        self._paths = IdentifierPaths(settings.identity.identifier_paths)
        self._syncs = syncs_of(settings)
        self._records = 0
        self._refused: Counter[str] = Counter()
        self._names: dict[str, tuple[Counter[str], Counter[str]]] = {}
        """Name → its events by platform, and by sync."""
        self._other_names = 0
        self._platforms: dict[str, _OfPlatform] = {}
        self._times: tuple[int, int] | None = None

    def count(self, records: Iterable[Record]) -> None:
        events, same = tee(self._events(records))
        select = compile_select(self._syncs)
        for event, completed in zip(events, with_kept(self._settings, same), strict=True):
            platform = self._count_identifiers(event)
            if event.is_dated:
                oldest, newest = self._times or (event.time_ms, event.time_ms)
                self._times = min(oldest, event.time_ms), max(newest, event.time_ms)
            if event.name not in self._names and len(self._names) >= _MOST_NAMES:
                self._other_names += 1
                continue
            platforms, selected = self._names.setdefault(event.name, (Counter(), Counter()))
            platforms[platform] += 1
            selected.update({self._syncs[target.sync].name for target in select(completed).targets})

    def inspection(self, title: str, damages: list[str], *, is_whole: bool) -> Inspection:
        names = [
            NameSeen(name, platforms.total(), dict(platforms), dict(selected))
            for name, (platforms, selected) in self._names.items()
        ]
        names.sort(key=lambda each: (-each.events, each.name))
        platforms = sorted((each.seen() for each in self._platforms.values()), key=lambda each: -each.events)
        oldest, newest = self._times or (None, None)
        return Inspection(
            source=title,
            is_whole=is_whole,
            records=self._records,
            events=sum(each.events for each in platforms),
            refused=dict(self._refused.most_common()),
            oldest_ms=oldest,
            newest_ms=newest,
            names=names,
            other_names=self._other_names,
            platforms=platforms,
            damages=damages,
        )

    def _events(self, records: Iterable[Record]) -> Iterator[Event]:
        for record in records:
            self._records += 1
            for each in decode(record):
                if isinstance(each, Event):
                    yield each
                else:
                    self._refused[each.reason.value] += 1

    def _count_identifiers(self, event: Event) -> str:
        reading = self._rules.reader.read(event)
        platform = stated_by(self._rules, event, reading.told) or UNKNOWN
        if platform not in self._platforms:
            self._platforms[platform] = _OfPlatform(platform)
        paths = self._paths.of(event, reading) if platform in IDENTIFIERS else {}
        self._platforms[platform].count(event, reading, paths)
        return platform
