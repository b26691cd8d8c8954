"""The settings of the console: as they are written, and as they are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from connectors.secrets import SecretRef, reference
from connectors.table import Broken, Draft, Table
from connectors.values import REFERENCE, Expects, Host, is_loopback, whole

_Reference = Annotated[str, Field(pattern=REFERENCE, strict=True)]


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """`[console]`."""

    host: str
    port: int
    """0 is off."""
    token: SecretRef | None
    """What people sign in with; None: nobody signs in."""


class ConsoleTable(Table):
    """Where the console serves its pages. `serve` and `console` read it."""

    host: Host = "127.0.0.1"
    """The address to listen on. On another than a loopback address, a token is required."""
    port: Annotated[int, whole(0, 65_535)] = 8091
    """0 is off. If another program uses the port, `serve` warns and goes on without a console."""
    token: Annotated[
        _Reference | None,
        Expects("the place of a token", 'write for example token = "env:CONSOLE_TOKEN"'),
    ] = None
    """The place of the token that people sign in with, of 16 characters or more. Without one, whoever reaches the
    address sees the pages."""

    def settings(self, base: Path) -> ConsoleSettings:
        """Return them; a relative path starts at `base`."""
        token = None if self.token is None else reference(base, self.token)
        return ConsoleSettings(host=self.host, port=self.port, token=token)


def broken(draft: Draft) -> Iterator[Broken]:
    """Yield which rules between several keys the file breaks."""
    table = draft.table("console")
    host: object = table.get("host", ConsoleTable.model_fields["host"].default)
    if isinstance(host, str) and not is_loopback(host) and not draft.has(("console",), table, "token"):
        expected = "expected a token, because other machines can reach this host"
        yield ("console", "token"), f'missing; {expected}; write for example token = "env:CONSOLE_TOKEN"'
