"""Rules by the settings: whose events are taken, and on which paths. Secrets are read again when they change."""

from connectors.collector.protocol import Rules
from connectors.collector.settings import CollectorSettings
from connectors.secrets import Secret
from connectors.values import is_loopback


class RulesOfSettings:
    """The rules of one collector."""

    def __init__(self, settings: CollectorSettings) -> None:
        self._settings = settings
        self._api_keys = [Secret(each) for each in settings.api_keys]
        self._tokens = [Secret(each) for each in settings.webhook_tokens]

    def read(self) -> Rules:
        """Return the rules as the secrets are now. Raises SecretError."""
        settings = self._settings
        return Rules(
            api_keys=frozenset(each.value() for each in self._api_keys),
            webhook_tokens=frozenset(each.value() for each in self._tokens),
            paths=frozenset(each.rstrip("/") or "/" for each in settings.paths),
            strict=settings.strict,
            anybody=is_loopback(settings.host),
        )
