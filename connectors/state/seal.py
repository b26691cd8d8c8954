"""Seals: a checksum around what a snapshot holds, for SQLite has none for its pages."""

import pickle
import zlib
from typing import Any, Final

from connectors.state.damage import READ_AGAIN, DamagedStateError
from connectors.state.plain import load_plain

_TAG: Final = "sealed"
_VERSION: Final = 1
_PARTS: Final = 4

Sealed = tuple[str, int, int, bytes]
"""(tag, version, CRC-32 of the rest, the state pickled)"""


def seal(state: Any) -> Sealed:
    """Return a state, of builtins, as a snapshot holds it."""
    pickled = pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
    return (_TAG, _VERSION, zlib.crc32(pickled), pickled)


def unseal(stored: Any) -> Any:
    """Return the state; one of a version before seals as it is. Raises DamagedStateError where it was changed."""
    if not (isinstance(stored, tuple) and len(stored) == _PARTS and isinstance(stored[3], bytes)):
        return stored
    tag, version, checksum, pickled = stored
    if (tag, version, checksum) != (_TAG, _VERSION, zlib.crc32(pickled)):
        raise DamagedStateError(f"a state in the recovery store is not what was written; {READ_AGAIN}")
    return load_plain(pickled)
