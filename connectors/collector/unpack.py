"""Unpack: the body of a request as its sender wrote it.

gzip is known by its first bytes, because a proxy may have dropped the header, or have unpacked the body and left it.
Bounded: a bomb costs no more than MOST_BODY_BYTES.
"""

import zlib
from typing import Final

from connectors.collector.upload import RefusalReason, UnreadableUploadError

MOST_BODY_BYTES: Final = 20 << 20
"""Unpacked. Amplitude takes 20 MB on /batch."""
GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16


def unpack(body: bytes) -> bytes:
    """Return the body unpacked. Raises UnreadableUploadError."""
    if not body.startswith(GZIP):
        if len(body) > MOST_BODY_BYTES:
            raise UnreadableUploadError(RefusalReason.TOO_LARGE)
        return body
    parts: list[bytes] = []
    left = MOST_BODY_BYTES
    while body.startswith(GZIP):  # several members, one behind the other, are one body
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = member.decompress(body, left + 1)
        except zlib.error:
            raise UnreadableUploadError(RefusalReason.UNREADABLE) from None
        if len(part) > left:
            raise UnreadableUploadError(RefusalReason.TOO_LARGE)
        parts.append(part)
        left -= len(part)
        body = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
