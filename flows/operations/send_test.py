"""Send a test: one real event of a sync, on the stream's own way, and what AppsFlyer answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from connectors.appsflyer.answers import Verdict, judge
from connectors.clock import now_ms
from connectors.delivery.engines.no_answer import advice_on
from connectors.delivery.engines.open import open_engine
from connectors.delivery.scrub import scrub
from connectors.delivery.settings import DeliveryTable
from connectors.ports import Answer, Endpoint
from connectors.secrets import Secret, SecretError
from connectors.values import is_loopback
from flows.domain.event import PLATFORMS, Platform
from flows.operations.explain import Explained, Explainer
from flows.operations.sample_event import SAMPLE_APPSFLYER_ID, default_name, make_event
from flows.refusal import Refusal, refusing
from flows.settings.model import Settings, SyncSettings

_WHY_NOT: Final = {
    "not_selected": "the sync does not select such an event; name one that it does with --event, or give what its "
    "conditions ask for with --set, such as --set event_properties.plan=pro",
    "consent": "the sync's consent_where does not hold for it; give what it asks for with --set, such as "
    "--set user_properties.consent=true",
    "reserved": "Amplitude reserves this name, and it is never sent; take another --event",
    "appsflyer": "AppsFlyer's integration writes such events, and they are not sent back unless a row of the sync "
    "names them; take another --event",
    "platform": "the sync has no app for this platform; take the other --platform",
    "too_large": "it does not fit into delivery.max_body_bytes, even without any property",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the event is to be; None is what the settings say alone, or what a stand-in takes."""

    sync: str | None = None
    platform: Platform | None = None
    appsflyer_id: str | None = None
    customer_user_id: str | None = None
    event: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Path → value, laid over the event."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that nobody has sent yet."""

    sync: SyncSettings
    explained: Explained
    """With the request, whose key is masked."""
    key: str = field(repr=False)

    @property
    def request(self) -> dict[str, Any]:
        """Method, URL, headers, body."""
        return self.explained.request or {}

    @property
    def host(self) -> str:
        """Where it would go."""
        return urlsplit(self.request["url"]).hostname or ""

    @property
    def is_real(self) -> bool:
        """Whether it would count as an event of the app, because no stand-in on this machine takes it."""
        return not is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of it."""

    is_delivered: bool
    status: int
    """0 where there was no answer."""
    text: str
    """What AppsFlyer said, without the key; or why there is no answer."""
    seconds: float
    advice: Sequence[str]


def prepare(settings: Settings, path: Path, wanted: Wanted) -> Ready:
    """Return the request. Raises Refusal where nothing can be sent."""
    sync = _choose(settings, wanted.sync)
    if is_loopback(urlsplit(settings.delivery.endpoint_of(sync.key_kind)).hostname or ""):
        wanted = replace(
            wanted,
            appsflyer_id=wanted.appsflyer_id or SAMPLE_APPSFLYER_ID,
            platform=wanted.platform or _platforms(sync)[0],
        )
    explained = _explain(settings, sync, _platform(sync, wanted.platform), wanted)
    with refusing(f"{path}: sync[{sync.name}].{sync.key_kind}", SecretError):
        return Ready(sync, explained, Secret(sync.keys[0]).value())


def send(settings: Settings, ready: Ready) -> Reply:
    """Send it as the stream would, and wait for its end, which the time-out bounds."""
    request = ready.request
    answer = _send(settings.delivery, Endpoint(request["url"], ready.key), orjson.dumps(request["body"]))
    row = judge(answer.status, answer.text, answer.is_html)
    return Reply(
        row.verdict is Verdict.DELIVERED,
        answer.status,
        scrub(answer.text, ready.key),
        answer.seconds,
        (None if answer.status else advice_on(answer.text)) or row.advice,
    )


def _choose(settings: Settings, name: str | None) -> SyncSettings:
    syncs = settings.syncs
    known = ", ".join(each.name for each in syncs)
    if name is not None:
        for each in syncs:
            if each.name == name:
                return each
        raise Refusal(f"--sync: found {name!r}; {settings.path} has {known}")
    for candidates in (syncs, [each for each in syncs if each.enabled]):
        if len(candidates) == 1:
            return candidates[0]
    raise Refusal(f"--sync: {settings.path} has several: {known}; say which")


def _platforms(sync: SyncSettings) -> list[Platform]:
    return [each for each in PLATFORMS if sync.sync.app_id(each)]


def _platform(sync: SyncSettings, wanted: Platform | None) -> Platform:
    there = _platforms(sync)
    if wanted is None and len(there) != 1:
        raise Refusal(f"--platform: the sync {sync.name} has apps for {' and '.join(there)}; say which")
    platform = wanted or there[0]
    if platform not in there:
        raise Refusal(f"--platform: the sync {sync.name} has no {platform} app; it has {there[0]}")
    return platform


def _explain(settings: Settings, sync: SyncSettings, platform: Platform, wanted: Wanted) -> Explained:
    """Return what becomes of the event on the stream's own way. Raises Refusal where that is no request."""
    if not wanted.appsflyer_id:
        raise Refusal(
            "--appsflyer-id: AppsFlyer takes no event without one; give that of a device of yours: the app's SDK "
            "returns it from getAppsFlyerUID(), and the app's raw data has it as «AppsFlyer ID»"
        )
    only = replace(
        settings,
        syncs=(replace(sync, enabled=True),),
        identity=settings.identity.model_copy(update={"settle_seconds": 0.0}),
    )
    at_ms = now_ms()
    name = wanted.event or default_name(sync.sync)
    try:
        value = make_event(only, name, platform, wanted.appsflyer_id, wanted.customer_user_id, at_ms, dict(wanted.more))
    except ValueError as problem:
        raise Refusal(f"--set: {problem}") from None
    explained = next(iter(Explainer(only).explain(1, value, at_ms)))
    if explained.request is not None:
        return explained
    if explained.outcome == "held":
        raise Refusal(
            f"--appsflyer-id: {wanted.appsflyer_id!r} is no AppsFlyer id; expected digits, a minus, digits, such as "
            "1700000000000-1234567"
        )
    why = _WHY_NOT.get(explained.reason or "") or explained.error or explained.reason
    raise Refusal(f"{name!r} would not be sent: {why}")


def _send(delivery: DeliveryTable, endpoint: Endpoint, body: bytes) -> Answer:
    """Send one request as the stream would, and wait for its end, which the time-out bounds."""
    engine = open_engine(delivery)
    try:
        engine.submit([(None, engine.open_lane(endpoint), body)])
        while True:
            completed = engine.completed(1.0)
            for _, seconds in completed.delivered:
                return Answer(200, "OK", 0.0, seconds)
            for _, answer in completed.others:
                return answer
    finally:
        engine.close()
