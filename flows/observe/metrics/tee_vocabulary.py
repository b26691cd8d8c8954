"""The vocabulary of the tee's metrics: whether Amplitude gets a copy of what a collector takes."""

from typing import Final

from flows.observe.metrics.metric import Metric, counter, gauge

FORWARDED: Final = counter(
    "tee_forwarded_events",
    "events",
    (),
    "Events that Amplitude has taken a copy of. All metrics of the tee are absent without [collector.tee].",
    "No growth while events are taken in: see the age of the oldest copy.",
)
GIVEN_UP: Final = counter(
    "tee_given_up_events",
    "events",
    ("reason",),
    "Events whose copy is not sent on any more because of what Amplitude answered, or because it is seven days old. "
    "AppsFlyer gets them all the same.",
    "wrong_key: clients send an API key that Amplitude does not know; see `region`. invalid: Amplitude does not take "
    "such events. refused: something else than Amplitude answers at `endpoint`.",
)
DROPPED: Final = counter(
    "tee_dropped_events",
    "events",
    ("reason",),
    "Events whose copy never came into the queue, or was lost with it. AppsFlyer gets them all the same.",
    "full: Amplitude is away for long, or max_megabytes is too low. disk_full, slow, broken: see to the disk of "
    "collector.tee.directory.",
)
WAITING: Final = gauge(
    "tee_waiting_requests",
    "requests",
    (),
    "Copies that wait for Amplitude.",
    "Growing: /status of the collector says what Amplitude answers (tee.trouble).",
)
BYTES: Final = gauge(
    "tee_waiting_bytes",
    "bytes",
    (),
    "What these copies count as towards max_megabytes.",
    "As for their number.",
)
OLDEST: Final = gauge(
    "tee_oldest_waiting_seconds",
    "seconds",
    (),
    "How long ago the oldest of these copies was taken in; 0 if there is none.",
    "Above a minute: as for their number. After seven days a copy is given up.",
)

TEE: Final[tuple[Metric, ...]] = (FORWARDED, GIVEN_UP, DROPPED, WAITING, BYTES, OLDEST)
"""All of them: a collector without a tee has none."""
