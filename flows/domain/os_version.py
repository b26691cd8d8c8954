"""The OS version: what an event states as `os_version` → the version alone, as AppsFlyer wants it.

Source: AppsFlyer, OpenAPI of the S2S events API: `os` is the version, such as 14.5.1, by which its privacy rules go.
"""

import re
from functools import lru_cache
from typing import Final

_NUMBER: Final = r"(?P<version>[0-9]{1,9}(?:[._][0-9]{1,9})*)(?![0-9A-Za-z])"
_WORD: Final = r"(?:version|release|ver\.?|os|v\.?)"
_NAMED: Final = re.compile(
    r"(?<![\w-])(?:ios|ipados|iphone[ ]?os|cpu[ ]os|android|fire[ ]?os|tvos|visionos)[\s/:_]*"
    rf"(?:{_WORD}[\s/:_]*)?{_NUMBER}",
    re.IGNORECASE,
)
"""The system's name and its version, wherever they stand: `CPU iPhone OS 17_4_1 like Mac OS X`, `Android OS 13 / …`."""
_OF_OTHERS: Final = re.compile(r"darwin|linux|unix|kernel|xnu|windows|mac ?os|macintosh", re.IGNORECASE)
"""Systems whose version is not that of the phone, such as the kernel's that a server-side library reports."""
_LEADING: Final = re.compile(rf"\s*(?:{_WORD}\s*)?{_NUMBER}", re.IGNORECASE)
_KERNEL: Final = re.compile(r"\s*[0-9]+\.[0-9]+\.[0-9]+[-+]")
"""`5.10.43-android12-9`, `5.15.0-91-generic`: a kernel's release."""
_PLAIN: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_TEXT: Final = 300


def read_os_version(text: str) -> str | None:
    """Return the version that the text holds, with dots, or None. A plain version is returned as it is."""
    return _read(text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT])


@lru_cache(maxsize=4096)  # there are few versions, and each event has one
def _read(text: str) -> str | None:
    if _PLAIN.fullmatch(text):
        return text
    found = _NAMED.search(text)
    if found is None:
        if _OF_OTHERS.search(text) or _KERNEL.match(text):
            return None
        found = _LEADING.match(text)
    return found["version"].replace("_", ".") if found is not None else None
