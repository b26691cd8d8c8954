"""Insert ids: those of the events that were taken lately, as a string of digests."""

import hashlib
from typing import Final

DIGEST_BYTES: Final = 8


def is_known(known: bytes, insert_id: str) -> bool:
    """Return whether the digest of an id is among these."""
    return remember(known, insert_id, 1) is None


def remember(known: bytes, insert_id: str, most: int) -> bytes | None:
    """Return the digests with that of one more id, no more than `most`; None if it is among them already."""
    digest = hashlib.blake2b(insert_id.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
    place = known.find(digest)
    while place >= 0:
        if place % DIGEST_BYTES == 0:
            return None
        place = known.find(digest, place + 1)
    return (known + digest)[-most * DIGEST_BYTES :] if most else b""
