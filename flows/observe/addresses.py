"""Where running slices answer: as --url says, else as the settings' [health] does."""

import argparse
from urllib.parse import urlsplit

from flows.settings import SettingsError, load
from flows.settings.lenient import health_of
from flows.settings.tables import HealthTable

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound


def add_address_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say which slices are asked."""
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="URL",
        help="the address of a slice, such as http://stream-0:9464; again for more (default: by the settings)",
    )
    parser.add_argument(
        "--slices",
        type=_count,
        default=1,
        metavar="N",
        help="ask slices 0 to N-1 of the settings' [health] (default: 1)",
    )


def addresses(args: argparse.Namespace) -> list[str] | str:
    """Return the addresses, without a path; or what is wrong.

    A settings file with mistakes is no reason not to look at the stream, which runs with what it was started with.
    """
    if args.url:
        wrong = [each for each in args.url if not _is_address(each)]
        if wrong:
            return f"--url: found {wrong[0]!r}; expected an address; write for example http://127.0.0.1:9464"
        return [each.rstrip("/") for each in args.url]
    try:
        health = load(args.settings).health
    except SettingsError:
        health = health_of(args.settings)
    if not health.port:
        return f"{args.settings}: health.port: it is 0, so that nothing answers; set a port, or give --url"
    return of_health(health, args.slices)


def of_health(health: HealthTable, slices: int) -> list[str]:
    """Return the addresses of the first slices; all the same one where the slice is not added to the port."""
    host = _ANYWHERE.get(health.host, health.host)
    host = f"[{host}]" if ":" in host else host
    return list(dict.fromkeys(f"http://{host}:{health.port_of(index)}" for index in range(slices)))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for an impossible one
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:  # noqa: PLR2004 - as many as `run --slice` takes
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a whole number from 1 to 10,000")
    return int(text)
