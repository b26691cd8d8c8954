"""Start: the console of some settings, beside whatever else the process does."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from connectors.secrets import Secret, SecretError
from flows.console.application import application
from flows.console.server import ConsoleServer
from flows.console.watch import Watch
from flows.observe.page_server import listen
from flows.refusal import Refusal, refusing
from flows.settings.console import ConsoleSettings

log = structlog.get_logger()

_SHORTEST_TOKEN = 16


@contextmanager
def serving(settings: ConsoleSettings, path: Path, urls: Sequence[str], collector_url: str | None) -> Iterator[str]:
    """Serve the console meanwhile, of the slices at `urls` and of a collector; return its address. Raises Refusal.

    `path` is the settings file, for the words of a refusal.
    """
    token = _token(settings, path)
    if not settings.port:
        raise Refusal(f"{path}: console.port: it is 0, so that no console is served; set a port")
    try:
        listening = listen(settings.host, settings.port)
    except OSError as problem:
        why = problem.strerror or str(problem)
        at = f"cannot listen on {settings.host}, port {settings.port} ({why})"
        raise Refusal(f"{path}: console.port: {at}; expected one that is free; write another, or 0 for none") from None
    url = _url(listening, settings)
    server = ConsoleServer(
        lambda: application(settings.host, settings.port, token, Watch(urls, collector_url)), listening
    )
    log.info("the console is served", url=url)
    try:
        yield url
    finally:
        server.stop()


@contextmanager
def serving_beside(
    settings: ConsoleSettings, path: Path, urls: Sequence[str], collector_url: str | None
) -> Iterator[None]:
    """As `serving`, where something else must go on whatever becomes of the console: what hinders it is logged."""
    if not settings.port:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(serving(settings, path, urls, collector_url))
        except Refusal as refusal:
            log.warning("no console is served", why=str(refusal))
        yield


def _token(settings: ConsoleSettings, path: Path) -> Secret | None:
    if settings.token is None:
        return None
    token = Secret(settings.token)
    with refusing(f"{path}: console.token", SecretError):
        if len(token.value()) < _SHORTEST_TOKEN:
            expected = f"expected {_SHORTEST_TOKEN} characters or more; write a random text"
            raise Refusal(f"{path}: console.token: {settings.token} holds a token that can be guessed; {expected}")
    return token


def _url(listening: socket.socket, settings: ConsoleSettings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}/"
