"""Rules by the settings: secrets are read where they are, and an open host without API keys takes webhooks alone."""

from pathlib import Path

import pytest

from connectors.collector.protocol import Rules
from connectors.collector.rules import RulesOfSettings
from connectors.collector.settings import CollectorTable


@pytest.mark.parametrize(("host", "anybody"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])  # noqa: S104
def test_rules_are_those_of_the_settings(
    host: str,
    anybody: bool,  # noqa: FBT001 - a part of the case
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose keys they are is read anew each time."""
    token = tmp_path / "token"
    token.write_text("first\n")
    monkeypatch.setenv("A_KEY", "k" * 32)
    table = {
        "host": host,
        "api_keys": ["env:A_KEY"],
        "webhook_tokens": [f"file:{token}"],
        "paths": ["/c", "/d/"],
        "strict": True,
    }
    rules = RulesOfSettings(CollectorTable.model_validate(table).settings(tmp_path))
    assert rules.read() == Rules(
        frozenset({"k" * 32}), frozenset({"first"}), frozenset({"/c", "/d"}), strict=True, anybody=anybody
    )
    token.write_text("second-token\n")
    assert rules.read().webhook_tokens == {"second-token"}
