"""Insert ids of events that have none: the same for a retry of the same body, so that it is taken once.

`@amplitude/node`, the Identify API and most hand-written clients send none.
"""

import json
from hashlib import blake2b
from typing import Final

import orjson

from connectors.collector.depth import cut
from flows.domain.event import JsonObject

_HOUR_MS: Final = 3_600_000
_DIGEST_BYTES: Final = 16


class InsertIds:
    """Derives the ids of one body's events, in their order."""

    def __init__(self, api_key: str | None, received_ms: int) -> None:
        self._api_key = (api_key or "").encode("utf-8", "surrogatepass")
        self._hour = received_ms // _HOUR_MS
        self._equal: dict[bytes, int] = {}

    def derive(self, event: JsonObject) -> str:
        """Return an id, made from the API key, what the event says, and how many equal ones came before it.

        An event without a time is another one in the next hour: the same tap tomorrow is no copy.
        """
        is_dated = event.get("time") not in (None, "")
        content = blake2b(digest_size=_DIGEST_BYTES)
        content.update(b"%d:%b" % (len(self._api_key), self._api_key))
        content.update(_canonical(event))
        if not is_dated:
            content.update(b"%d" % self._hour)
        digest = content.digest()
        before = self._equal.get(digest, 0)
        self._equal[digest] = before + 1
        if before:
            content.update(b"/%d" % before)
        return content.hexdigest()


def _canonical(event: JsonObject) -> bytes:
    """Return JSON text that does not depend on the order of names."""
    try:
        return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, or nested hundreds of levels deep
        return json.dumps(cut(event), sort_keys=True).encode()
