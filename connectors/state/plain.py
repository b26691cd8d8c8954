"""Plain state: pickles of builtins only, which is all that our own state files hold; anything else is refused."""

import io
import pickle
from typing import Any


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"the state holds a {module}.{name}")


def load_plain(data: bytes) -> Any:
    """Return what was pickled. Raises pickle.UnpicklingError where it names a class."""
    return _PlainUnpickler(io.BytesIO(data)).load()
