"""The stream: Amplitude's events → AppsFlyer. Read from top to bottom.

python -m bytewax.run flows.stream            settings: $STREAM_SETTINGS, else stream.toml
python -m flows run                           the same, with a recovery store
"""

from flows.runtime.environment import take_out
from flows.runtime.signals import let_reload_wait, quit_at_once

take_out()
quit_at_once()  # a stop may be asked for before all of this is imported
let_reload_wait()

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from connectors.kafka.errors import KafkaSetupError
from flows.operators.stages import decode_records, refused_letters
from flows.runtime.process import Process, now_ms
from flows.runtime.start import refuse, start


def build(process: Process) -> Dataflow:
    """Wire the topology."""
    ledger, compiled = process.ledger, process.compiled
    flow = Dataflow("stream")

    # Kafka messages or lines of an archive, no more than the ledger has room for.
    records = op.input("source", flow, process.source())

    # Bytes → events. What cannot be read goes to the dead letters with its bytes.
    decoded = op.flat_map_batch("decode", records, decode_records(ledger, process.warm_up))
    letters = op.flat_map_batch("refused letters", decoded, refused_letters(now_ms))

    # «Send events»: which syncs send it, under which names. Keyed by the shard of the user, else device.
    selected = op.flat_map_batch("select", decoded, compiled.select)

    # The user's state: device identifiers and OS, duplicates, events that wait for their AppsFlyer id.
    identified = op.stateful_batch("identify", selected, process.users_logic)

    # AppsFlyer's request body, at most 1 KB. Keyed by lane: one sync's requests to one app.
    deliveries = op.flat_map_batch("translate", identified, compiled.translate)
    items = op.merge("items", deliveries, letters)

    # Micro-batches, by count or by time since the first.
    batches = op.stateful_batch("window", items, process.micro_batch)

    # One request an event, retries, dead letters; final when AppsFlyer or the dead letters' place has answered.
    op.output("deliver", batches, process.sink())
    return flow


try:
    flow = build(start())
except KafkaSetupError as problem:
    refuse(str(problem))
