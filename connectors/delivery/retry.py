"""Retry: when a request is tried again, and when it is given up."""

import random
from typing import Final

from connectors.appsflyer.answers import AnswerClass, Verdict

_FIRST_DELAY_SECONDS: Final = 0.5
_LONGEST_DELAY_SECONDS: Final = 60.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 900.0
_SHORTEST_DELAY_SECONDS: Final = 0.05
MOST_ATTEMPTS: Final = 12
"""Of an event whose answer may be about its body (a 500): while others pass it is not tried for ever."""


def delay_seconds(failures: int, retry_after_seconds: float, chance: random.Random) -> float:
    """Return the wait before the next attempt: exponential with full jitter, or what the answer asked for, capped."""
    if retry_after_seconds > 0:
        return capped_retry_after(retry_after_seconds)
    ceiling = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** min(max(failures - 1, 0), 16))
    return max(chance.uniform(0, ceiling), _SHORTEST_DELAY_SECONDS)


def is_exhausted(row: AnswerClass, count: int, tried_ms: int, retry_minutes: float) -> bool:
    """Return whether an event was tried long enough, or often enough where the event itself seems to be at fault."""
    is_bounded = row.verdict is Verdict.RETRY and row.may_be_poison
    return tried_ms >= retry_minutes * 60_000 or (is_bounded and count >= MOST_ATTEMPTS)


def capped_retry_after(seconds: float) -> float:
    """Return how long to heed a Retry-After (RFC 9110, seconds or a date): at most a quarter of an hour."""
    return min(seconds, _LONGEST_RETRY_AFTER_SECONDS)
