"""The settings of the collector: as they are written, and as they are used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StrictStr, StringConstraints

from connectors.collector.tee_settings import TeeSettings, TeeTable
from connectors.secrets import SecretRef, reference
from connectors.table import Broken, Draft, Table
from connectors.values import REFERENCE, Expects, FilePath, Flag, Host, is_loopback, whole

_Reference = Annotated[str, Field(pattern=REFERENCE, strict=True)]
_Network = Annotated[str, Field(strict=True)]


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """`[collector]`."""

    host: str
    port: int
    """0 is a free one."""
    api_keys: tuple[SecretRef, ...]
    """Whose events are taken; empty: everybody's on a loopback host, nobody's on another."""
    webhook_tokens: tuple[SecretRef, ...]
    paths: tuple[str, ...]
    """Further paths that take what /2/httpapi takes."""
    trusted_proxies: tuple[str, ...]
    """Networks, as `ip_network` reads them."""
    strict: bool
    certificate_file: Path | None
    key_file: Path | None
    health_port: int
    """0 is off."""
    tee: TeeSettings | None
    """None where nothing goes on to Amplitude."""


class CollectorTable(Table):
    """Where Amplitude's clients send their events to. `serve` and `collect` need it; `run` does not read it."""

    host: Host = "127.0.0.1"
    """The address to listen on; 0.0.0.0 in a container or for clients on other machines."""
    port: Annotated[int, whole(0, 65_535)] = 8090
    """The port for clients."""
    api_keys: Annotated[
        list[_Reference],
        Expects("a list of places of Amplitude API keys", 'write for example api_keys = ["env:AMPLITUDE_API_KEY"]'),
    ] = Field(default_factory=list)
    """The API keys of the Amplitude projects whose events are taken. Without any, every key is taken on a loopback
    host, and none on another, which takes webhooks alone."""
    webhook_tokens: Annotated[
        list[_Reference],
        Expects("a list of places of tokens", 'write for example webhook_tokens = ["env:WEBHOOK_TOKEN"]'),
    ] = Field(default_factory=list)
    """Amplitude's webhook destination sends to /webhook/TOKEN. Give each a long random token."""
    paths: Annotated[
        list[Annotated[StrictStr, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*$", max_length=200)]],
        Expects("a list of paths, each beginning with /", 'write for example paths = ["/collect"]'),
    ] = Field(default_factory=list)
    """Further paths that take what /2/httpapi takes, for clients that are set up with a path of their own."""
    trusted_proxies: Annotated[
        list[_Network],
        Expects("a list of addresses or networks", 'write for example trusted_proxies = ["10.0.0.0/8"]'),
    ] = Field(default_factory=list)
    """Whose X-Forwarded-For is believed, such as a load balancer. The client's address becomes the event's `ip` if the
    client asks for it."""
    strict: Flag = False
    """Refuse a whole upload if one of its events is invalid, as Amplitude does. Otherwise the valid events are taken,
    and the others become dead letters."""
    certificate_file: FilePath | None = None
    """A certificate with its chain, as PEM, if the collector itself speaks TLS. It is read again when it changes."""
    key_file: FilePath | None = None
    """The certificate's private key, as PEM."""
    health_port: Annotated[int, whole(0, 65_535)] = 9463
    """Where the collector serves /livez, /readyz and /metrics, at the host of [health]; 0 is off."""
    tee: TeeTable | None = None
    """Sends everything on to Amplitude as well; without it, nothing is."""

    def settings(self, base: Path) -> CollectorSettings:
        """Return them; relative paths start at `base`."""

        def all_of(places: Sequence[str]) -> tuple[SecretRef, ...]:
            return tuple(reference(base, each) for each in places)

        return CollectorSettings(
            host=self.host,
            port=self.port,
            api_keys=all_of(self.api_keys),
            webhook_tokens=all_of(self.webhook_tokens),
            paths=tuple(self.paths),
            trusted_proxies=tuple(self.trusted_proxies),
            strict=self.strict,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
            health_port=self.health_port,
            tee=None if self.tee is None else self.tee.settings(),
        )


def broken(draft: Draft) -> Iterator[Broken]:
    """Yield which rules between several keys the file breaks."""
    table = draft.table("collector")
    host: object = table.get("host", CollectorTable.model_fields["host"].default)
    is_open = not table.get("api_keys") and not table.get("webhook_tokens")
    if is_open and isinstance(host, str) and not is_loopback(host):
        expected = "expected the API keys whose events are taken, because other machines can reach this host"
        yield ("collector", "api_keys"), f'missing; {expected}; write for example api_keys = ["env:AMPLITUDE_API_KEY"]'
    for given, lacking in _PAIR:
        if given in table and lacking not in table:
            yield ("collector", lacking), f"missing; expected a path beside {given}; write both, or neither"
    for place, each in enumerate(table.get("trusted_proxies") or ()):
        if isinstance(each, str) and not _is_network(each):
            location = ("collector", "trusted_proxies", place)
            yield location, f'found {draft.found(each, location)}; expected an address or a network; write "10.0.0.0/8"'


_PAIR: Final = (("certificate_file", "key_file"), ("key_file", "certificate_file"))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
