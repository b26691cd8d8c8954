"""The lines of the sample that are no events. Each costs itself only, and is refused with a reason."""

from typing import Final

BROKEN: Final = (
    (b"\x00\xff\xfe\x9f\x92\x96 this was never JSON \x80", "undecodable"),
    (b'{"$insert_id": "b-1", "event_type": "Order Completed", "user_id": "hiker-cut-off", "event_prop', "undecodable"),
    (
        b'{"event_type": "Trail Viewed", "user_id": "hiker-nan", "event_properties": {"distance_km": NaN}}',
        "undecodable",
    ),
    (b'["event_type", "Trail Viewed"]', "undecodable"),
    (
        b'{"$insert_id": "b-2", "user_id": "hiker-nameless", "event_properties": {"trail": "Cat Bells"}}',
        "invalid_event",
    ),
    (
        b'{"event_type": "Trail Viewed", "user_id": "hiker-month-13", "event_time": "2026-13-01 08:00:00.000000"}',
        "invalid_event",
    ),
    (b'{"event_type": "Trail Viewed", "user_id": null, "device_id": "", "event_properties": {}}', "invalid_event"),
)
"""Lines, each with the reason for which decode refuses it."""
