"""Send one real event of a sync to AppsFlyer, and say what the answer means.

    python -m flows send-test --appsflyer-id 1700000000000-1234567 --customer-user-id user-1

The event goes the stream's own way: decoded, selected by the sync, translated, sent over verified TLS. AppsFlyer counts
it as a real one, so take the ids of a device of your own; a stand-in on this machine, such as the sandbox, needs none.
A sync that is not enabled yet can be tried, too. Nothing is remembered, and Kafka is not needed. Exit code 0 where
AppsFlyer takes it, 1 where it does not, 2 where nothing was sent for the settings or flags are wrong.
"""

import argparse
import sys
import time
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from rich.console import Console
from rich.text import Text

from connectors.appsflyer.answers import Verdict, judge
from connectors.delivery.engines.no_answer import advice_on
from connectors.delivery.engines.open import open_engine
from connectors.delivery.scrub import scrub
from connectors.delivery.settings import DeliveryTable
from connectors.ports import Answer, Endpoint
from connectors.secrets import Secret, SecretError
from connectors.values import is_loopback
from flows.domain.event import PLATFORMS, Platform
from flows.domain.printable import printable
from flows.operations.explain import Explained, Explainer
from flows.operations.sample_event import SAMPLE_APPSFLYER_ID, default_name, make_event
from flows.settings import SettingsError, load
from flows.settings.model import Settings, SyncSettings

SUMMARY: Final = "send one real event to AppsFlyer, and say what the answer means"

_DELIVERED: Final = 0
_NOT_DELIVERED: Final = 1
_NOT_SENT: Final = 2

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


class CannotSendError(Exception):
    """Nothing can be sent; says why, and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--sync", metavar="NAME", help="the sync (default: the only one, or the only one enabled)")
    parser.add_argument("--platform", choices=PLATFORMS, help="the platform (default: the only one of the sync's apps)")
    parser.add_argument("--appsflyer-id", metavar="ID", help="the AppsFlyer id of a device of yours; AppsFlyer asks it")
    parser.add_argument("--customer-user-id", metavar="ID", help="the user whom the app gives setCustomerUserId")
    parser.add_argument("--event", metavar="NAME", help="Amplitude's name of the event (default: the sync's first)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        type=_assignment,
        help="one more value in the event, such as event_properties.plan=pro; JSON, else text; again for more",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, though it counts as a real event in the app")


def _assignment(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not path or not equals:
        raise argparse.ArgumentTypeError(f"found {text!r}; write PATH=VALUE, such as event_properties.plan=pro")
    try:
        return path, orjson.loads(value)
    except orjson.JSONDecodeError:
        return path, value


def run(args: argparse.Namespace) -> int:
    """Make the event, show it, send it, and explain the answer."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = load(args.settings)
        sync = _choose(settings, args.sync)
        if _is_stand_in(settings, sync):
            args.appsflyer_id = args.appsflyer_id or SAMPLE_APPSFLYER_ID
            args.platform = args.platform or _platforms(sync)[0]
        platform = _platform(sync, args.platform)
        explained = _explain(settings, sync, platform, args)
        key = Secret(sync.keys[0]).value()
    except (SettingsError, CannotSendError) as problem:
        return _refuse(str(problem))
    except SecretError as problem:
        return _refuse(f"{args.settings}: sync[{sync.name}].{sync.key_kind}: {problem}")
    request = explained.request or {}
    _show_request(console, explained, sync)
    if not args.yes and not _is_confirmed(console, urlsplit(request["url"]).hostname or ""):
        return _refuse("nothing was sent")
    answer = _send(settings.delivery, Endpoint(request["url"], key), orjson.dumps(request["body"]))
    _show_answer(console, answer, key)
    return _DELIVERED if _is_delivered(answer) else _NOT_DELIVERED


def _choose(settings: Settings, name: str | None) -> SyncSettings:
    syncs = settings.syncs
    known = ", ".join(each.name for each in syncs)
    if name is not None:
        for each in syncs:
            if each.name == name:
                return each
        raise CannotSendError(f"--sync: found {name!r}; {settings.path} has {known}")
    for candidates in (syncs, [each for each in syncs if each.enabled]):
        if len(candidates) == 1:
            return candidates[0]
    raise CannotSendError(f"--sync: {settings.path} has several: {known}; say which")


def _is_stand_in(settings: Settings, sync: SyncSettings) -> bool:
    delivery = settings.delivery
    endpoint = delivery.endpoint_of(sync.key_kind)
    return is_loopback(urlsplit(endpoint).hostname or "")


def _platforms(sync: SyncSettings) -> list[Platform]:
    return [each for each in PLATFORMS if sync.sync.app_id(each)]


def _platform(sync: SyncSettings, wanted: Platform | None) -> Platform:
    there = _platforms(sync)
    if wanted is None and len(there) != 1:
        raise CannotSendError(f"--platform: the sync {sync.name} has apps for {' and '.join(there)}; say which")
    platform = wanted or there[0]
    if platform not in there:
        raise CannotSendError(f"--platform: the sync {sync.name} has no {platform} app; it has {there[0]}")
    return platform


def _explain(settings: Settings, sync: SyncSettings, platform: Platform, args: argparse.Namespace) -> Explained:
    """Return what becomes of the event on the stream's own way. Raises CannotSendError where that is no request."""
    if not args.appsflyer_id:
        raise CannotSendError(
            "--appsflyer-id: AppsFlyer takes no event without one; give that of a device of yours: the app's SDK "
            "returns it from getAppsFlyerUID(), and the app's raw data has it as «AppsFlyer ID»"
        )
    only = replace(
        settings,
        syncs=(replace(sync, enabled=True),),
        identity=settings.identity.model_copy(update={"settle_seconds": 0.0}),
    )
    now_ms = time.time_ns() // 1_000_000
    name = args.event or default_name(sync.sync)
    more = dict(args.set)
    try:
        value = make_event(only, name, platform, args.appsflyer_id, args.customer_user_id, now_ms, more)
    except ValueError as problem:
        raise CannotSendError(f"--set: {problem}") from None
    explained = next(iter(Explainer(only).explain(1, value, now_ms)))
    if explained.request is not None:
        return explained
    if explained.outcome == "held":
        raise CannotSendError(
            f"--appsflyer-id: {args.appsflyer_id!r} is no AppsFlyer id; expected digits, a minus, digits, such as "
            "1700000000000-1234567"
        )
    why = _WHY_NOT.get(explained.reason or "") or explained.error or explained.reason
    raise CannotSendError(f"{name!r} would not be sent: {why}")


def _show_request(console: Console, explained: Explained, sync: SyncSettings) -> None:
    request = explained.request or {}
    if not sync.enabled:
        console.print(Text(f"the sync {printable(sync.name)} is not enabled; it is only tried", "yellow"))
    console.print(Text(f"POST {printable(request['url'])}", "bold"))
    for name, value in request["headers"].items():
        console.print(Text(f"{name}: {printable(value)}"))
    console.print(Text(_as_ascii(orjson.dumps(request["body"], option=orjson.OPT_INDENT_2).decode())))
    for note in explained.notes:
        console.print(Text(f"warning: {printable(str(note))}", "yellow"))


def _as_ascii(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def _is_confirmed(console: Console, host: str) -> bool:
    if is_loopback(host):
        return True
    console.print(Text(f"This goes to {printable(host)} and counts as a real event in the app."))
    if not sys.stdin.isatty():
        console.print(Text("Nobody can be asked here: add --yes to send it."))
        return False
    return console.input("Send it? [y/N] ").strip().lower() in ("y", "yes")


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


def _is_delivered(answer: Answer) -> bool:
    return judge(answer.status, answer.text, answer.is_html).verdict is Verdict.DELIVERED


def _show_answer(console: Console, answer: Answer, key: str) -> None:
    said = printable(scrub(answer.text, key)) or "nothing"
    is_fine = _is_delivered(answer)
    status = str(answer.status) if answer.status else "none"
    console.print()
    console.print(
        Text(f"answer: {status} after {answer.seconds:.2f} s: {said}", "bold green" if is_fine else "bold red")
    )
    explained = None if answer.status else advice_on(answer.text)
    for line in explained or judge(answer.status, answer.text, answer.is_html).advice:
        console.print(Text(f"  {line}"))


def _refuse(text: str) -> int:
    sys.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")
    return _NOT_SENT
