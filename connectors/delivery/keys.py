"""The ring of keys of a lane: during a rotation two are given, and either may be the right one."""

from collections.abc import Sequence

from connectors.secrets import Secret, SecretError


class KeyRing:
    """Chooses the key that requests go with."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._secrets = secrets
        self._chosen = 0
        self._refused: set[str] = set()

    def value(self) -> str:
        """Return the key as it is now. Raises SecretError."""
        return self._secrets[self._chosen].value()

    def switches(self, key: str) -> bool:
        """Take note that a key was refused, or is unreadable (""); return whether another one is to be tried."""
        if key and self._value(self._chosen) not in (key, None):
            return True  # the answer to a request that left before the key was changed
        self._refused.add(key)
        for place in range(len(self._secrets)):
            if place != self._chosen and (value := self._value(place)) is not None and value not in self._refused:
                self._chosen = place
                return True
        return False

    def begin_again(self) -> None:
        """Forget which keys were refused: any may be allowed again."""
        if self._refused:
            self._refused.clear()

    def _value(self, place: int) -> str | None:
        try:
            return self._secrets[place].value()
        except SecretError:
            return None
