"""The clients that are known: how each is started, and where its driver is."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.tools.clients.installs import DRIVERS, GO, JAVA, NODE, Install
from tests.tools.clients.plan import Plan

_JVM: Final = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_TRUST: Final = "javax.net.ssl.trustStore"
TRUST_PASSWORD: Final = "changeit"  # noqa: S105 - of a file of public certificates
_CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True)
class Client:
    """One of Amplitude's clients."""

    name: str
    command: Callable[["Here", Plan], list[str]]
    install: Install | None = None
    page: str = ""
    """The driver in the page of a browser; empty for what needs no browser."""
    script: str = ""
    """Of a browser, the client itself, below `node_modules`."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Its own part of the plan."""

    @property
    def tls(self) -> bool:
        """Whether it is to speak TLS here: servers do, and Java does nothing else; pages here have no certificate."""
        return not self.page

    def __str__(self) -> str:
        """Return its name, as tests show it."""
        return self.name


class Here(NamedTuple):
    """What a client's command is made of."""

    home: Path
    """Where it is installed."""
    trust_store: Path | None
    """Java's file with the authority that it is to trust."""


def _python(_here: Here, plan: Plan) -> list[str]:
    return [sys.executable, str(DRIVERS / "python" / "send.py"), plan.json]


def _node(driver: str) -> Callable[[Here, Plan], list[str]]:
    return lambda here, plan: ["node", str(here.home / driver), plan.json]


def _go(here: Here, plan: Plan) -> list[str]:
    return [str(here.home / "send"), plan.json]


def _java(main: str) -> Callable[[Here, Plan], list[str]]:
    def command(here: Here, plan: Plan) -> list[str]:
        trust = []
        if here.trust_store is not None:
            trust = [f"-D{_TRUST}={here.trust_store}", f"-D{_TRUST}Password={TRUST_PASSWORD}"]
        classes = f"{here.home / 'classes'}:{here.home / 'jars'}/*"
        return ["java", *_JVM, *trust, "-cp", classes, main, plan.json]

    return command


def _chromium(_here: Here, _plan: Plan) -> list[str]:
    return [chromium() or "chromium", *_CHROMIUM_FLAGS]


def _browser(name: str, page: str = "send.js", script: str = "", **settings: Any) -> Client:
    script = script or "@amplitude/analytics-browser/lib/scripts/amplitude-min.js"
    return Client(name, _chromium, NODE, page, script, settings=settings)


_LEGACY_SCRIPT: Final = "amplitude-js/amplitude.umd.min.js"
CLIENTS: Final = (
    Client("python", _python),
    Client("node", _node("send.mjs"), NODE),
    Client("legacy-node", _node("send_legacy.cjs"), NODE),
    Client("go", _go, GO),
    Client("java", _java("SendJava"), JAVA),
    Client("kotlin", _java("SendKotlin"), JAVA),
    Client("kotlin-gzip", _java("SendKotlin"), JAVA, settings={"compress": True}),
    _browser("browser-fetch"),
    _browser("browser-xhr", transport="xhr"),
    _browser("browser-beacon", transport="beacon"),
    _browser("browser-gzip", compress=True),
    _browser("legacy-browser", "send_legacy.js", _LEGACY_SCRIPT),
    _browser("legacy-browser-beacon", "send_legacy.js", _LEGACY_SCRIPT, transport="beacon"),
)
BY_NAME: Final = {each.name: each for each in CLIENTS}


def trusting(authority: Path) -> dict[str, str]:
    """Return the environment in which all but Java trust an authority."""
    return {"SSL_CERT_FILE": str(authority), "NODE_EXTRA_CA_CERTS": str(authority)}


def chromium() -> str | None:
    """Return the browser's command: $CHROMIUM, one on the PATH, or one that Playwright has fetched."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if found := next((path for each in _CHROMIUM_NAMES if (path := shutil.which(each))), None):
        return found
    fetched = Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome")
    return next((str(each) for each in sorted(fetched, reverse=True)), None)
