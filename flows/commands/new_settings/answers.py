"""What a new settings file needs to know, and what it takes where nothing else is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Kind = Literal["inbox", "kafka", "files"]
"""Where events come from: clients send them here, a topic, or archives."""


class Default(StrEnum):
    """What is taken where nothing else is said."""

    KEY = "env:APPSFLYER_S2S_KEY"
    API_KEY = "env:AMPLITUDE_API_KEY"
    SERVERS = "localhost:9092"
    TOPIC = "amplitude-events"
    ARCHIVES = "exports/*.zip"


@dataclass(slots=True)
class Answers:
    """What a new settings file needs to know; None and empty is what is not known."""

    name: str | None
    ios_app_id: str | None
    android_app_id: str | None
    key: str | None
    events: Sequence[str]
    all_events: bool
    source: Kind | None
    api_key: str | None
    """Where the Amplitude project's API key is, whose events are taken in."""
    bootstrap_servers: str | None
    topic: str | None
    paths: Sequence[str]
