"""Foreign records: what other producers write to the same topic. They are dead letters, and no sign of a bad deploy."""

from typing import Final

_SIGN: Final = b"event_type"


def is_foreign(value: bytes) -> bool:
    """Return whether a record that cannot be read was never meant to be an event: it names no type of one."""
    return _SIGN not in value
