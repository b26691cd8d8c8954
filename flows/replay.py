"""Replay: dead letters → AppsFlyer, by the same steps as the stream. Read from top to bottom.

python -m flows replay …                      plans it, and becomes: python -m bytewax.run flows.replay
"""

from flows.runtime.environment import take_out
from flows.runtime.signals import quit_at_once

take_out()
quit_at_once()  # a stop may be asked for before all of this is imported

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from connectors.appsflyer.request import compile_translate
from connectors.kafka.errors import KafkaSetupError
from flows.domain.fate import DeadLetter
from flows.domain.select import compile_select
from flows.operators.identify import in_shard
from flows.operators.replay import read_again, with_logins
from flows.operators.stages import translate_events
from flows.runtime.process import now_ms
from flows.runtime.replay.process import Replay
from flows.runtime.replay.start import start
from flows.runtime.start import refuse


def build(process: Replay) -> Dataflow:
    """Wire the topology."""
    syncs, ledger = process.settings.enabled_syncs, process.letter_ledger
    select = compile_select(syncs)
    translates = [compile_translate(sync, process.settings.delivery.max_body_bytes) for sync in syncs]

    flow = Dataflow("replay")

    # The letters that were there at the start, by reason, sync and time; without those that were replayed before.
    letters = op.input("letters", flow, process.letters())

    # The original bytes → events, for the letter's own sync. What decode had refused, for any that wants it now.
    read = op.flat_map_batch(
        "decode",
        letters,
        read_again(
            ledger,
            process.marks,
            select,
            process.plan.filters,
            process.choice.not_taken,
            now_ms,
            process.settings.paused_syncs,
        ),
    )
    events = op.flat_map_batch(
        "events", read, lambda batch: [(key, each) for key, each in batch if not isinstance(each, DeadLetter)]
    )
    refused = op.flat_map_batch(
        "refused", read, lambda batch: [(key, each) for key, each in batch if isinstance(each, DeadLetter)]
    )

    # What the event says itself, what its letter remembers of it, what the user's other letters teach, and what those
    # of a device do before its first login.
    known = with_logins(process.logins, now_ms)
    keyed = op.flat_map_batch("users", events, lambda batch: [in_shard(key, each) for key, each in known(batch)])
    identified = op.stateful_batch("identify", keyed, process.users_logic)

    # From here on as in the stream, with today's settings; what is refused again is a dead letter again.
    deliveries = op.flat_map_batch("translate", identified, translate_events(syncs, translates, ledger, now_ms))
    items = op.merge("items", deliveries, refused)
    batches = op.stateful_batch("window", items, process.micro_batch)
    op.output("deliver", batches, process.sink())
    return flow


try:
    flow = build(start())
except KafkaSetupError as problem:
    refuse(str(problem))
