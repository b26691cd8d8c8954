"""Where running slices and the collector answer: as --url says, else as the settings do."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flows.refusal import Refusal
from flows.settings import SettingsError, load
from flows.settings.lenient import health_of
from flows.settings.tables import HealthTable

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound


def addresses(urls: Sequence[str], slices: int, settings: Path) -> list[str]:
    """Return the addresses, without a path: those that are given, else the settings'. Raises Refusal.

    A settings file with mistakes is no reason not to look at the stream, which runs with what it was started with.
    """
    if urls:
        wrong = [each for each in urls if not _is_address(each)]
        if wrong:
            raise Refusal(f"--url: found {wrong[0]!r}; expected an address; write for example http://127.0.0.1:9464")
        return [each.rstrip("/") for each in urls]
    try:
        health = load(settings).health
    except SettingsError:
        health = health_of(settings)
    if not health.port:
        raise Refusal(f"{settings}: health.port: it is 0, so that nothing answers; set a port, or give --url")
    return of_health(health, slices)


def collector_address(settings: Path) -> str | None:
    """Return where the collector of the settings answers; None where there is none, or where they have mistakes."""
    try:
        loaded = load(settings)
    except SettingsError:
        return None
    if loaded.collector is None or not loaded.collector.health_port:
        return None
    return f"http://{_bracketed(loaded.health.host)}:{loaded.collector.health_port}"


def of_health(health: HealthTable, slices: int) -> list[str]:
    """Return the addresses of the first slices; all the same one where the slice is not added to the port."""
    host = _bracketed(health.host)
    return list(dict.fromkeys(f"http://{host}:{health.port_of(index)}" for index in range(slices)))


def reachable(host: str) -> str:
    """Return where a host that is listened on can be reached from this machine."""
    return _ANYWHERE.get(host, host)


def _bracketed(host: str) -> str:
    """Return it as it stands in an address."""
    host = reachable(host)
    return f"[{host}]" if ":" in host else host


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for an impossible one
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
