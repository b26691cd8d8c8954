"""Wiring: what a collector consists of, from its socket to where it stores events."""

import socket
import ssl
from ipaddress import ip_network
from pathlib import Path

from connectors.collector.certificate import Certificate
from connectors.collector.counts import CollectorCounts
from connectors.collector.request_intake import RequestIntake
from connectors.collector.rules import RulesOfSettings
from connectors.collector.server import CollectorServer
from connectors.collector.settings import CollectorSettings
from connectors.event_writer import EventWriter, Waiting
from connectors.kinds import source_of
from connectors.ports import SetupError
from connectors.secrets import SecretError
from connectors.tee.counts import TeeCounts
from connectors.tee.tee import Tee
from flows.observe.collector_view import Child
from flows.observe.page_server import listen
from flows.refusal import Refusal, refusing
from flows.runtime.restart import cannot_listen
from flows.settings.model import Settings


class Collector:
    """One collector. Implements `CollectorView`."""

    def __init__(self, settings: Settings, path: Path, child: Child | None) -> None:
        """Open what it needs, and listen; it answers once its server is started. Raises Refusal.

        To be called in the event loop that it is to belong to.
        """
        self.settings = collector = _table(settings, path)
        with refusing(f"{path}: collector", SecretError):
            self.rules = RulesOfSettings(collector)
            rules = self.rules.read()
        self.certificate = _certificate(collector, path)
        self.listening = _listen(path, "collector.port", collector.host, collector.port, can_be_off=False)
        self.health_listening = (
            _listen(path, "collector.health_port", settings.health.host, collector.health_port)
            if collector.health_port
            else None
        )
        self.child = child
        self.counts = CollectorCounts()
        self._writer = _writer(settings, path)
        self.tee = _tee(collector, path)
        self.intake = RequestIntake(self._writer, rules, self.counts, copier=self.tee)
        self.server = CollectorServer(self.intake, [ip_network(each) for each in collector.trusted_proxies])

    @property
    def blocked(self) -> str | None:
        """Why nothing can be stored now."""
        return self._writer.blocked

    @property
    def waiting(self) -> Waiting | None:
        """What is stored and has not met its fate, as of some seconds ago."""
        return self._writer.waiting

    @property
    def tee_counts(self) -> TeeCounts | None:
        """What became of copies for Amplitude."""
        return None if self.tee is None else self.tee.counts

    @property
    def is_closing(self) -> bool:
        """Whether it stops."""
        return self.server.is_closing

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.listening.getsockname()[:2]
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _table(settings: Settings, path: Path) -> CollectorSettings:
    if settings.collector is None:
        do = 'write [collector] with api_keys = ["env:AMPLITUDE_API_KEY"], and clients can send here'
        raise Refusal(f"{path}: collector: missing; {do}")
    return settings.collector


def _certificate(collector: CollectorSettings, path: Path) -> Certificate | None:
    if collector.certificate_file is None or collector.key_file is None:
        return None
    try:
        return Certificate(collector.certificate_file, collector.key_file)
    except (OSError, ssl.SSLError) as problem:
        why = problem.strerror or "it is not a certificate with its key"
        raise Refusal(
            f"{path}: collector.certificate_file: cannot be used with key_file ({why}); correct them"
        ) from None


def _listen(path: Path, key: str, host: str, port: int, *, can_be_off: bool = True) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise Refusal(f"{path}: {key}: {cannot_listen(host, port, why, can_be_off=can_be_off)}") from None


def _tee(collector: CollectorSettings, path: Path) -> Tee | None:
    if collector.tee is None:
        return None
    with refusing(str(path), SetupError):
        return Tee(collector.tee.directory, collector.tee.endpoint, collector.tee.most_bytes)


def _writer(settings: Settings, path: Path) -> EventWriter:
    with refusing(f"{path}: source", SetupError, SecretError):
        writer = source_of(settings.source).writer()
    if writer is None:
        kind = settings.source.kind
        raise Refusal(
            f'{path}: source.kind: found "{kind}", to which events cannot be added; write "inbox", or "kafka"'
        )
    return writer
