"""`[identity]`: what is remembered of each user, and where identifiers are read from."""

from typing import Annotated

from pydantic import Field

from connectors.table import Table
from connectors.values import number, whole
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.platform import Stated
from flows.settings.values import EventPaths, PropertyNames, SomeEventPaths


class IdentityPathsTable(Table):
    """The paths that identifiers are read from: the first path with a real value wins.

    A list replaces the default paths of that identifier, which docs/mapping.md lists. With an empty list, the stream
    does not read the identifier.
    """

    appsflyer_id: SomeEventPaths | None = None
    """AppsFlyer's own id of the install; the SDK returns it from `getAppsFlyerUID()`. No event is sent without it."""
    idfa: EventPaths | None = None
    """iOS: the advertising id. It exists when the user has allowed tracking."""
    idfv: EventPaths | None = None
    """iOS: the vendor's id."""
    att: EventPaths | None = None
    """iOS: whether the user allowed tracking: 0 not determined, 1 restricted, 2 denied, 3 authorized, or in words."""
    advertising_id: EventPaths | None = None
    """Android: Google's advertising id (GAID)."""
    oaid: EventPaths | None = None
    """Android without Google's services: the open advertising id."""
    amazon_aid: EventPaths | None = None
    """Android on Amazon's devices: their advertising id."""
    imei: EventPaths | None = None
    """Android: the IMEI, if the app may read it."""
    app_set_id: EventPaths | None = None
    """Android: the app set id, as text or as `{scope, id}`."""


class IdentityPlatformsTable(Table):
    """Names that events state as their `platform` or `os_name`, beside the built-in ones, in any case.

    The stream takes any other name for the name of a server that sends the event, and learns no platform from it.
    """

    ios: PropertyNames = Field(default_factory=list)
    """Names of devices that the iOS app is for. Built in are iOS, iPadOS, iPhone OS, IPhonePlayer and others."""
    android: PropertyNames = Field(default_factory=list)
    """Names of devices that the Android app is for. Built in are Android, Fire OS and others."""
    other: PropertyNames = Field(default_factory=list)
    """Names of platforms that no app is for: their events are filtered. Built in are Web, JavaScript, Windows, macOS,
    tvOS and others."""


class IdentityTable(Table):
    """What the stream remembers of each user."""

    remember_days: Annotated[float, number(0, 3650, above=True)] = 90.0
    """A user is forgotten so many days after the last event. A remembered user takes up to about 1 KB of memory."""
    remember_users: Annotated[int, whole(4, 1_000_000_000)] = 10_000_000
    """How many users and anonymous devices a process remembers. Above this number it forgets those whose last event is
    oldest. Two million fit into 2 GB."""
    remember_insert_ids: Annotated[int, whole(0, 10_000)] = 100
    """How many insert ids are kept for each user to recognise duplicates, 8 bytes each. 0 turns this off."""
    hold_seconds: Annotated[float, number(0, 604_800)] = 300.0
    """How long an event waits for the AppsFlyer id or the platform of its user. Then it becomes a dead letter. Set at
    least the time that your app needs to tell Amplitude the id; with 0 no event waits. Time in which the stream does
    not read its source does not count. Before an event is given up, the stream reads everything that has arrived."""
    settle_seconds: Annotated[float, number(0, 86_400)] = 0.0
    """How old the first events of a new AppsFlyer id must be before they are sent. AppsFlyer may count events as
    organic that come within 20 to 30 seconds of an install; 30 avoids this."""
    hold_events: Annotated[int, whole(1, 100_000)] = 100
    """How many events may wait for one user, with 10 KB each on average. When one more comes, the user's oldest waiting
    event becomes a dead letter."""
    hold_megabytes: Annotated[int, whole(1, 1_000_000)] = 256
    """How much memory the waiting events of all users of a process may take. Above it, the events that have waited
    longest become dead letters."""
    keep_properties: PropertyNames = Field(default_factory=list)
    """Further user properties that the stream keeps for each user, so that events which do not carry them are sent with
    them. It always keeps those that conditions, fields and lists of properties name."""
    paths: IdentityPathsTable = Field(default_factory=IdentityPathsTable)
    """Where identifiers are read from."""
    platforms: IdentityPlatformsTable = Field(default_factory=IdentityPlatformsTable)
    """The names of platforms in your events, if they are not the usual ones."""

    @property
    def identifier_paths(self) -> dict[str, tuple[str, ...]]:
        """Where each identifier is read from: the paths that are given, else the default ones."""
        return {**DEFAULT_PATHS, **{name: _listed(given) for name, given in self.paths if given is not None}}

    @property
    def platform_names(self) -> dict[Stated, tuple[str, ...]]:
        """The names of platforms that are given, beside the built-in ones."""
        given = self.platforms
        names: dict[Stated, list[str]] = {"ios": given.ios, "android": given.android, "other": given.other}
        return {platform: tuple(each) for platform, each in names.items() if each}


def _listed(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
