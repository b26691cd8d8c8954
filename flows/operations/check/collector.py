"""The collector: whether its keys and its certificate can be read, and whether it takes events in.

Where something listens on its port, an upload without events is sent there: it is answered as every upload of that key
would be, and stores nothing.
"""

import http.client
import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

from connectors.collector.certificate import valid_until
from connectors.collector.settings import CollectorSettings
from connectors.finding import Finding, Mark
from connectors.secrets import Secret, SecretError
from flows.observe.addresses import reachable
from flows.observe.page_server import why_not_listen
from flows.settings.model import Settings

_PATIENCE_SECONDS: Final = 10.0


def collector(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of `[collector]`, if there is one."""
    if (found := settings.collector) is None:
        return
    uploads = []
    for name, refs in (("api_keys", found.api_keys), ("webhook_tokens", found.webhook_tokens)):
        for ref in refs:
            try:
                value = Secret(ref).value()
            except SecretError as error:
                yield Finding(Mark.WRONG, f"collector.{name}: {error}")
            else:
                yield Finding(Mark.FINE, f"collector.{name}: there is one in {ref}")
                uploads.append(_to_api(value) if name == "api_keys" else _to_webhook(value))
    yield from _certificate(found)
    if found.port:
        yield from _port(found, uploads or [_to_api("any")])


class _Upload(NamedTuple):
    """An upload that holds no event."""

    path: str
    body: bytes
    what: str
    """Whose it is."""


def _to_api(api_key: str) -> _Upload:
    return _Upload("/2/httpapi", orjson.dumps({"api_key": api_key, "events": []}), "API key")


def _to_webhook(token: str) -> _Upload:
    return _Upload(f"/webhook/{quote(token, safe='')}", b"[]", "webhook token")


def _certificate(found: CollectorSettings) -> Iterator[Finding]:
    if found.certificate_file is None or found.key_file is None:
        return
    place = f"collector.certificate_file: {found.certificate_file}"
    try:
        until = valid_until(found.certificate_file, found.key_file)
    except (OSError, ssl.SSLError) as problem:
        why = getattr(problem, "verify_message", None) or problem.strerror or "it is not a certificate with its key"
        yield Finding(Mark.WRONG, f"{place} cannot be used with key_file ({why})", "renew or correct them")
    else:
        yield Finding(Mark.FINE, f"{place} is valid until {until:%Y-%m-%d %H:%M} UTC")


def _port(found: CollectorSettings, uploads: Sequence[_Upload]) -> Iterator[Finding]:
    place = f"collector.port: {found.host}:{found.port}"
    why = why_not_listen(found.host, found.port)
    if why is None:
        yield Finding(Mark.NOTE, f"{place} is free: no collector runs here", "`python -m flows serve` starts it")
        return
    for upload in uploads:
        try:
            status = _status_of(found, upload)
        except (OSError, http.client.HTTPException):
            do = "end what listens there, or change host or port"
            yield Finding(Mark.FAILED, f"{place} cannot be listened on ({why}), and no collector answers there", do)
            return
        if status == http.client.OK:
            yield Finding(Mark.FINE, f"{place} takes what is sent with this {upload.what}")
        else:
            do = "restart `serve` or `collect`, so that it takes the settings"
            yield Finding(Mark.FAILED, f"{place} answers {status} to what is sent with this {upload.what}", do)


def _status_of(found: CollectorSettings, upload: _Upload) -> int:
    """Return the status of the answer. Raises OSError, http.client.HTTPException."""
    host = reachable(found.host)
    connection: http.client.HTTPConnection
    if found.certificate_file is None:
        connection = http.client.HTTPConnection(host, found.port, timeout=_PATIENCE_SECONDS)
    else:
        trusting = ssl.create_default_context()  # its name is that which clients know, and not this address
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, found.port, timeout=_PATIENCE_SECONDS, context=trusting)
    with closing(connection):
        connection.request("POST", upload.path, upload.body, {"Content-Type": "application/json"})
        return connection.getresponse().status
