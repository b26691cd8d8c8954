"""The settings that the sample is run with: what `Expected` counts on."""

import json
from typing import Final

SETTINGS_TEMPLATE: Final = """\
# The sample's settings. `python -m flows init` writes a commented file for your own.

[source]
kind = "files"
paths = [{archive}]

[delivery]
endpoint = {endpoint}

[dead_letters]
kind = "files"
directory = {dead_letters}

[state]
directory = {state}

[[sync]]
name = "trailmix"
enabled = true
ios_app_id = "id123456789"
android_app_id = "com.example.trailmix"
s2s_key = {s2s_key}

[[sync.event]]
name = "Sign Up"
send_as = "af_complete_registration"

[[sync.event]]
name = "Trial Started"
send_as = "af_start_trial"

[[sync.event]]
name = "Subscription Started"
send_as = "af_subscribe"

[[sync.event]]
name = "Order Completed"
send_as = "af_purchase"

[[sync.event]]
name = "Order Refunded"
send_as = "refund"

[[sync.event]]
name = "Review Posted"
send_as = "af_rate"

[[sync.event]]
name = "Hike Completed"
send_as = "hike_completed"
where = [{{property = "event.distance_km", greater_or_equal = [5]}}]
"""
"""The settings that `Expected` is about. Use `settings_text` to fill it in."""


def settings_text(archive: str, endpoint: str, state: str, dead_letters: str, s2s_key: str) -> str:
    """Return the sample's settings. Paths are absolute or relative to the settings file; `s2s_key` is `env:NAME`."""
    values = {
        "archive": archive,
        "endpoint": endpoint,
        "state": state,
        "dead_letters": dead_letters,
        "s2s_key": s2s_key,
    }
    # A JSON string is a TOML string, provided that nothing but its control characters is escaped.
    return SETTINGS_TEMPLATE.format_map({name: json.dumps(value, ensure_ascii=False) for name, value in values.items()})
