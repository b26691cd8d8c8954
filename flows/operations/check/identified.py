"""The identifiers that the sample carries, and the platforms: without an AppsFlyer id of an app, nothing is sent."""

from collections import Counter
from collections.abc import Iterator

from connectors.finding import Finding, Mark, count
from connectors.sample import Sample
from flows.domain.event import PLATFORMS
from flows.domain.identifiers import APPSFLYER_ID, CANONICAL
from flows.operations.check.syncs import syncs_of
from flows.operators.identity_rules import identity_rules
from flows.settings.model import Settings

PLATFORM_NAMES = {"ios": "iOS", "android": "Android", "other": "Web or other", None: "not stated"}


def platforms(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield the platforms that are seen, and the syncs that none of them fits."""
    stated = identity_rules(settings).names.stated
    seen = Counter(stated(event) for event in sample.events)
    text = ", ".join(
        f"{PLATFORM_NAMES[each]} {share(number, len(sample.events))}" for each, number in seen.most_common()
    )
    text = f"platforms: {text} of {count(len(sample.events), 'event')}"
    if not seen.keys() - {"other"}:
        do = "stream what the apps send: AppsFlyer's in-app events are of iOS and Android only"
        yield Finding(Mark.FAILED, f"{text}: none of an app, so none would be sent", do)
        return
    yield Finding(Mark.FINE, text)
    for sync in syncs_of(settings):
        apps = [each for each in PLATFORMS if sync.app_id(each)]
        if not any(seen[each] for each in (*apps, None)):
            names = " and ".join(PLATFORM_NAMES[each] for each in apps)
            do = "add the app that they are of, or correct it"
            yield Finding(Mark.FAILED, f"sync[{sync.name}] has an app for {names} only, and no event is of it", do)


def identifiers(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield how many events and users of apps carry an AppsFlyer id, and how many each device identifier."""
    stated, reader = identity_rules(settings).names.stated, identity_rules(settings).reader
    events = [event for event in sample.events if stated(event) != "other"]
    if not events:
        return
    readings = [reader.read(event) for event in events]
    found = Counter(name for reading in readings for name in reading.told)
    unusable = sum(APPSFLYER_ID in (*reading.malformed, *reading.zeroed) for reading in readings)
    users = {event.user_key for event in events}
    known = {event.user_key for event, reading in zip(events, readings, strict=True) if APPSFLYER_ID in reading.told}
    of_apps = f"of {count(len(events), 'event')} of apps"
    if not known:
        text = f"AppsFlyer id: in none {of_apps}, so none would be sent"
        text += f"; malformed in {count(unusable, 'event')}" if unusable else ""
        do = "set the SDK's getAppsFlyerUID() as the user property appsflyer_id, or say where it is: [identity.paths]"
        yield Finding(Mark.FAILED, text, do)
    else:
        text = f"AppsFlyer id: in {share(found[APPSFLYER_ID], len(events))} {of_apps}"
        text += f", known of {share(len(known), len(users))} of {count(len(users), 'user')}"
        few = len(known) * 2 < len(users)
        do = "events of the others wait, and become dead letters; let the app set it for every user" if few else ""
        yield Finding(Mark.NOTE if few else Mark.FINE, text, do)
    devices = [
        f"{name} {share(found[name], len(events))}" for name in CANONICAL if name != APPSFLYER_ID and found[name]
    ]
    if devices:
        yield Finding(Mark.FINE, f"device identifiers: {', '.join(devices)}")
    else:
        do = "let the app set idfa, idfv, gaid … as user properties: ad networks get no postback without"
        yield Finding(Mark.NOTE, f"device identifiers: in none {of_apps}", do)


def share(part: int, whole: int) -> str:
    """Return a share as a person reads it: never 0 % of what there is, nor 100 % of what is not all."""
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "under 1%"
    return "over 99%" if 99 < percent < 100 else f"{percent:.0f}%"  # noqa: PLR2004 (of a hundred)
