"""The stream: Amplitude's events → AppsFlyer. Read from top to bottom.

python -m bytewax.run flows.stream            settings: $STREAM_SETTINGS, else stream.toml
python -m flows run                           the same, with a recovery store
"""

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from connectors.kafka.errors import KafkaSetupError
from flows.process import Process, now_ms
from flows.stages import decode_records, refused_letters, select_events, translate_events
from flows.start import refuse, start
from flows.steps.decode import Refused
from flows.steps.event import Event
from flows.steps.select import compile_select
from flows.steps.translate import compile_translate


def build(process: Process) -> Dataflow:
    """Wire the topology."""
    syncs, ledger = process.settings.enabled_syncs, process.ledger
    select = compile_select(syncs)
    translates = [compile_translate(sync, process.settings.delivery.max_body_bytes) for sync in syncs]

    flow = Dataflow("stream")

    # Kafka messages or lines of an archive, no more than the ledger has room for.
    records = op.input("source", flow, process.source())

    # Bytes → events. What cannot be read goes to the dead letters with its bytes.
    decoded = op.flat_map_batch("decode", records, decode_records(ledger))
    events = op.flat_map_batch("events", decoded, lambda batch: [each for each in batch if isinstance(each, Event)])
    refused = op.flat_map_batch("refused", decoded, lambda batch: [each for each in batch if isinstance(each, Refused)])

    # «Send events»: which syncs send it, under which names. Keyed by user, else device.
    selected = op.flat_map_batch("select", events, select_events(select, ledger, process.forgetting, now_ms))

    # The user's state: device identifiers and OS, duplicates, events that wait for their AppsFlyer id.
    identified = op.stateful_batch("identify", selected, process.user_logic)

    # AppsFlyer's request body, at most 1 KB. Keyed by lane: one sync's requests to one app.
    parcels = op.flat_map_batch("translate", identified, translate_events(syncs, translates, ledger, now_ms))
    letters = op.flat_map_batch("refused letters", refused, refused_letters(now_ms))
    items = op.merge("items", parcels, letters)

    # Micro-batches, by count or by time since the first.
    batches = op.stateful_batch("window", items, process.micro_batch)

    # One request an event, retries, dead letters; final when AppsFlyer or the dead letters' place has answered.
    op.output("deliver", batches, process.sink())
    return flow


try:
    flow = build(start())
except KafkaSetupError as problem:
    refuse(str(problem))
