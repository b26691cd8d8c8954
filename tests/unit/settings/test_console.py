"""[console]: who may be let in without a token."""

from pathlib import Path

import pytest

from connectors.secrets import SecretRef
from flows.settings import SettingsError
from flows.settings.file import parse
from tests.fixtures.settings import files_source, settings_text, sync_table


def _text(**console: object) -> str:
    return settings_text(files_source("a.json"), sync_table(), console=console)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_address_needs_no_token(host: str) -> None:
    settings = parse(_text(host=host), Path("stream.toml")).console
    assert (settings.host, settings.port, settings.token) == (host, 8091, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "console.example"])  # noqa: S104 - nothing is bound
def test_an_address_that_others_reach_needs_one(host: str) -> None:
    with pytest.raises(SettingsError, match=r"console\.token: missing; expected a token, because other machines"):
        parse(_text(host=host), Path("stream.toml"))
    settings = parse(_text(host=host, token="env:CONSOLE_TOKEN"), Path("stream.toml")).console  # noqa: S106 - a place
    assert settings.token == SecretRef("env", "CONSOLE_TOKEN")
