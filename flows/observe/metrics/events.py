"""What happened to events: read off the ledger."""

from typing import Final

from flows.domain.fate import DeadLetterReason, FilterReason, Outcome
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts

REFUSALS: Final = (DeadLetterReason.UNDECODABLE, DeadLetterReason.INVALID_EVENT)
"""What decode gives as a reason. It belongs to no sync; all other reasons do."""


def read_events(to: Readings, parts: Parts) -> None:
    """Put what was read, its outcomes, and what is pending."""
    ledger = parts.ledger
    refused = ledger.refused.copy()
    refusals_pending = ledger.open_refusals
    fates = []
    for name, counts in zip(ledger.sync_names, ledger.syncs, strict=False):
        outcomes = {
            (Outcome.DELIVERED, ""): counts.delivered,
            (Outcome.DUPLICATE, ""): counts.duplicate,
            **{(Outcome.FILTERED, reason.value): counts.filtered[reason] for reason in FilterReason},
            **{
                (Outcome.DEAD_LETTERED, reason.value): counts.dead_lettered[reason]
                for reason in DeadLetterReason
                if reason not in REFUSALS or counts.dead_lettered[reason]
            },
        }
        fates.append((name, outcomes, counts.copies, counts.resumed))
    # Read last: what is read in between is pending, rather than missing.
    read = ledger.read
    to.put(v.EVENTS_READ, read)
    to.put(v.ROOM, ledger.room())
    for reason in DeadLetterReason:
        if reason in REFUSALS or refused[reason]:
            to.put(v.REFUSED, refused[reason], reason.value)
    to.put(v.REFUSALS_PENDING, refusals_pending)
    to.put(v.DAMAGED_INPUTS, len(parts.damages))
    entries = read - refused.total() - refusals_pending
    ages = oldest_seconds(parts)
    for name, outcomes, copies, resumed in fates:
        to.put(v.OLDEST_WAITING, ages.get(name, 0.0), name)
        for (outcome, why), count in outcomes.items():
            to.put(v.OUTCOMES, count, name, outcome.value, why)
        to.put(v.COPIES, copies, name)
        to.put(v.RESUMED, resumed, name)
        to.put(v.PENDING, max(entries + copies - sum(outcomes.values()), 0), name)


def oldest_seconds(parts: Parts) -> dict[str, float]:
    """Return sync → how long ago the oldest event arrived that waits for it; a sync is left out if none does."""
    now_ms = parts.now_ms()
    return {name: max(now_ms - time_ms, 0) / 1000 for name, time_ms in parts.ledger.oldest_ms().items()}
