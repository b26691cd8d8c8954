"""Settling: an event that comes soon after its install waits until AppsFlyer has processed the install.

Source: AppsFlyer, S2S overview: events within 20 to 30 s of an install may be counted as organic.
"""

from flows.domain.profile import MAX_DEVICES


def settled_ms(first_seen_ms: dict[str, int], appsflyer_id: str, time_ms: int, now_ms: int, settle_ms: int) -> int:
    """Return when the install is old enough, and remember when it was first seen."""
    if not settle_ms:
        return 0
    first_ms = min(first_seen_ms.get(appsflyer_id, now_ms), time_ms)
    if appsflyer_id not in first_seen_ms and len(first_seen_ms) >= MAX_DEVICES:
        del first_seen_ms[min(first_seen_ms, key=lambda each: first_seen_ms[each])]
    first_seen_ms[appsflyer_id] = first_ms
    return first_ms + settle_ms
