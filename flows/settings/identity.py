"""`[identity]`: what is remembered of each user, and where identifiers are read from."""

from typing import Annotated

from pydantic import Field

from connectors.table import Table
from connectors.values import number, whole
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.platform import Stated
from flows.settings.values import EventPaths, PropertyNames, SomeEventPaths


class IdentityPathsTable(Table):
    """Where identifiers are read from: the first path with a real value wins.

    A list that is given replaces that identifier's default paths, which docs/mapping.md lists; an empty one reads it
    from nowhere.
    """

    appsflyer_id: SomeEventPaths | None = None
    """AppsFlyer's own id of the install, which the SDK returns from `getAppsFlyerUID()`. No event is sent without."""
    idfa: EventPaths | None = None
    """iOS: the advertising id, which exists where the user has allowed tracking."""
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
    """Android: the IMEI, where an app may read it."""
    app_set_id: EventPaths | None = None
    """Android: the app set id, as text or as `{scope, id}`."""


class IdentityPlatformsTable(Table):
    """Names that events state as their `platform` or `os_name`, beside the built-in ones, in any case.

    A name that is neither here nor built in is taken for the sender's, such as a server's, and tells no platform.
    """

    ios: PropertyNames = Field(default_factory=list)
    """Names of devices that the iOS app is for. Built in are iOS, iPadOS, iPhone OS, IPhonePlayer and others."""
    android: PropertyNames = Field(default_factory=list)
    """Names of devices that the Android app is for. Built in are Android, Fire OS and others."""
    other: PropertyNames = Field(default_factory=list)
    """Names of platforms that no app is for: their events are filtered. Built in are Web, JavaScript, Windows, macOS,
    tvOS and others."""


class IdentityTable(Table):
    """What is remembered of each user."""

    remember_days: Annotated[float, number(0, 3650, above=True)] = 90.0
    """Days after which a user who sends nothing is forgotten. A remembered user takes up to about 1 KB of
    memory."""
    remember_users: Annotated[int, whole(4, 1_000_000_000)] = 10_000_000
    """How many users and anonymous devices a process remembers at the most; beyond it those who were not heard of for
    longest are forgotten. Two million fit into 2 GB."""
    remember_insert_ids: Annotated[int, whole(0, 10_000)] = 100
    """Insert ids kept per user to recognise duplicates, 8 bytes each; 0 lets every event through."""
    hold_seconds: Annotated[float, number(0, 604_800)] = 300.0
    """How long an event waits for its user's AppsFlyer id or platform, before it is a dead letter. Set it to the time
    that your app takes to tell Amplitude the id, or longer; 0 waits for nothing. Time in which the source is not read
    does not count, and what has come by then is read first."""
    settle_seconds: Annotated[float, number(0, 86_400)] = 0.0
    """How old the first events of a new AppsFlyer id must be before they are sent. AppsFlyer may count events that come
    within 20 to 30 seconds of an install as organic: 30 keeps them from it."""
    hold_events: Annotated[int, whole(1, 100_000)] = 100
    """Events held per user at the most, of 10 KB each on average; one more gives up the oldest."""
    hold_megabytes: Annotated[int, whole(1, 1_000_000)] = 256
    """What the held events of all users of a process may take in memory; beyond it those that wait longest are dead
    letters."""
    paths: IdentityPathsTable = Field(default_factory=IdentityPathsTable)
    """Where identifiers are read from."""
    platforms: IdentityPlatformsTable = Field(default_factory=IdentityPlatformsTable)
    """What your events call their platform, if it is none of the usual names."""

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
