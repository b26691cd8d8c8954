"""The platform of an event: what it states, and what the identifiers that it carries tell.

Sources: Amplitude, HTTP V2 API (`platform`, `os_name`); AppsFlyer, OpenAPI of the S2S events API: schemas AndroidIds,
IosIds.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from flows.domain.event import Event, Platform
from flows.domain.identifiers import APPSFLYER_ID, PLATFORM_IDENTIFIERS, Value

Stated = Platform | Literal["other"]
"""`other` is a platform that no app of AppsFlyer's S2S events is for, such as a browser."""

BUILT_IN: Final[Mapping[Stated, frozenset[str]]] = {
    "ios": frozenset({"ios", "ipados", "iphone", "ipad", "ipod", "ipodtouch", "iphoneos", "iphoneplayer", "appleios"}),
    "android": frozenset(
        {"android", "androidos", "fireos", "amazonfireos", "amazon", "amazonandroid", "kindle", "kindlefire"}
    ),
    "other": frozenset(
        {
            "web", "website", "webapp", "webbrowser", "mobileweb", "browser", "javascript", "js", "html", "webgl",
            "webglplayer", "pwa", "chrome", "chromemobile", "mobilesafari", "safari", "firefox", "edge", "opera",
            "internetexplorer", "samsunginternet", "desktop", "windows", "windowsphone", "windowsplayer",
            "windowseditor", "win", "uwp", "mac", "macos", "macosx", "osx", "osxplayer", "osxeditor", "linux",
            "linuxplayer", "linuxeditor", "gnulinux", "ubuntu", "debian", "fedora", "chromeos", "chromiumos", "tvos",
            "appletv", "watchos", "wearos", "visionos", "roku", "rokuos", "tizen", "webos", "vidaa", "smartcast",
            "vizio", "playstation", "ps", "xbox", "xboxone", "nintendo", "nintendoswitch", "switch", "steam", "quest",
        }
    ),
}  # fmt: skip
"""Names without regard to case, and to anything but letters: `iPhone OS 17.4` is `iphoneos`."""

_MOST_KNOWN: Final = 1000
_LONGEST_KNOWN: Final = 100
_ANDROID_DIGITS: Final = 13
"""Behind the dash of an AppsFlyer id; those of iOS have fewer."""


class PlatformNames:
    """Which platform a name stands for: as the settings say, else the built-in ones. Any other name tells nothing."""

    __slots__ = ("_known", "_own")

    def __init__(self, own: Mapping[Stated, Collection[str]] | None = None) -> None:
        self._own = {name.strip().lower(): platform for platform, names in (own or {}).items() for name in names}
        self._known: dict[str, Stated | None] = {}

    def stated(self, event: Event) -> Stated | None:
        """Return what an event says of its platform, or None if it says nothing that can be used.

        `platform` counts if its name is known. Where it is not, it names who has sent the event, such as a server or a
        library; then `os_name` counts if it is that of a device, for another one is the sender's own.
        """
        if event.platform is not None:
            stated = self._of(event.platform)
            if stated is not None:
                return stated
        if event.os_name is None:
            return None
        of_os = self._of(event.os_name)
        return None if of_os == "other" and event.platform is not None and event.platform.strip() else of_os

    def _of(self, name: str) -> Stated | None:
        if name in self._known:
            return self._known[name]
        platform = self._own.get(name.strip().lower())
        if platform is None:
            letters = "".join(letter for letter in name.lower() if letter.isalpha())
            platform = next((each for each, names in BUILT_IN.items() if letters in names), None)
        # Events say few different names; those of a hostile sender are not kept.
        if len(self._known) < _MOST_KNOWN and len(name) <= _LONGEST_KNOWN:
            self._known[name] = platform
        return platform


def platform_of_values(values: Mapping[str, Value]) -> Platform | None:
    """Return the platform that all of an event's own identifiers are of; None if they tell none, or two.

    An AppsFlyer id with 13 to 19 digits behind the dash is Android's; a shorter one may be either's.
    """
    found: set[Platform] = set()
    for platform, identifiers in PLATFORM_IDENTIFIERS.items():
        if not values.keys().isdisjoint(identifiers):
            found.add(platform)
    install = values.get(APPSFLYER_ID)
    if isinstance(install, str) and len(install.partition("-")[2]) >= _ANDROID_DIGITS:
        found.add("android")
    return found.pop() if len(found) == 1 else None
