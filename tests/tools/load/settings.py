"""The settings that the slices run with: the user's own or the sample's, turned towards this machine alone.

Whatever the file says, events come from the load test's topic and go to its endpoint, with a key that is none, and
state and dead letters stay in its directory.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w

from flows.domain.event import PLATFORMS
from flows.settings.file import parse
from flows.settings.model import Settings
from tests.tools.load.traffic import MARK

KEY_VARIABLE: Final = "LOAD_TEST_KEY"
DEFAULT: Final = """\
[source]
kind = "kafka"
bootstrap_servers = "localhost:9092"
topic = "events"

[[sync]]
name = "load-test"
ios_app_id = "id123456789"
ios_bundle_id = "com.example.trailmix"
android_app_id = "com.example.trailmix"
s2s_key = "env:LOAD_TEST_KEY"
default_currency = "EUR"

[[sync.event]]
name = "Order Completed"
send_as = "af_purchase"

[[sync.event]]
name = "Sign Up"
send_as = "af_complete_registration"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the load test's parts are."""

    directory: Path
    bootstrap: str
    topic: str
    endpoint: str
    ca_file: Path
    health_port: int
    limit: float = 0.0


def turned(text: str, place: Place) -> str:
    """Return the settings of a text, turned to the load test's parts. Raises tomllib.TOMLDecodeError."""
    document = tomllib.loads(text)
    document["source"] = {
        "kind": "kafka",
        "bootstrap_servers": place.bootstrap,
        "topic": place.topic,
        "group_id": f"{place.topic}-group",
    }
    delivery = document.setdefault("delivery", {})
    delivery.pop("proxy", None)
    delivery["endpoint"] = place.endpoint
    delivery["ca_file"] = str(place.ca_file.absolute())
    delivery["ramp_requests_per_second_per_minute"] = 0  # it spares AppsFlyer, and this is what the stream can do
    if place.limit:
        delivery["max_requests_per_second"] = place.limit
    document["dead_letters"] = {"kind": "files", "directory": str((place.directory / "dead-letters").absolute())}
    document.setdefault("state", {})["directory"] = str((place.directory / "state").absolute())
    document["health"] = {"host": "127.0.0.1", "port": place.health_port}
    syncs = document.get("sync", [])
    some_are_on = any(each.get("enabled", True) for each in syncs)
    for sync in syncs:
        _turn_sync(sync, is_on=sync.get("enabled", True) or not some_are_on)
    return tomli_w.dumps(document)


def _turn_sync(sync: dict[str, Any], *, is_on: bool) -> None:
    sync["enabled"] = is_on
    for kind in ("s2s_key", "dev_key"):
        if kind in sync:
            sync[kind] = f"env:{KEY_VARIABLE}"
    properties = sync.get("properties")
    if isinstance(properties, dict) and properties.get("event") != "all":
        properties["event"] = [*properties.get("event", []), MARK]  # or no answer could be told apart


def settings(text: str, place: Place, path: Path) -> Settings:
    """Write the turned settings to a path and return them. Raises flows.settings.SettingsError, with every mistake."""
    fresh = turned(text, place)
    path.write_text(fresh, encoding="utf-8")
    return parse(fresh, path)


def names(found: Settings) -> Sequence[str]:
    """Return names of events that the enabled syncs select."""
    wanted = [row.name for sync in found.enabled_syncs for row in sync.selections if row.name != "*"]
    return list(dict.fromkeys(wanted)) or ["Order Completed"]


def platforms(found: Settings) -> Sequence[str]:
    """Return the platforms that the enabled syncs have apps for."""
    return [each for each in PLATFORMS if any(sync.app_id(each) for sync in found.enabled_syncs)]
