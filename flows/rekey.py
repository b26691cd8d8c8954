"""Rekey: any topic → a topic whose keys are user ids, else device ids. Read from top to bottom.

python -m flows rekey --to TOPIC              makes a store for its position, and becomes:
python -m bytewax.run flows.rekey             settings: $STREAM_SETTINGS; topics: $STREAM_REKEY_FROM, $STREAM_REKEY_TO
"""

from flows.runtime.environment import take_out
from flows.runtime.signals import quit_at_once

take_out()
quit_at_once()  # a stop may be asked for before all of this is imported

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from connectors.kafka.errors import KafkaSetupError
from connectors.secrets import SecretError
from flows.runtime.rekey.process import Rekeying
from flows.runtime.rekey.start import start
from flows.runtime.start import refuse


def build(process: Rekeying) -> Dataflow:
    """Wire the topology."""
    flow = Dataflow("rekey")

    # Kafka messages with their headers, no more than are acknowledged at the other end.
    records = op.input("source", flow, process.source())

    # Each event with its user's key. Upload bodies fall into their events; what cannot be read stays as it is.
    keyed = op.flat_map_batch("rekey", records, process.rekey_records)

    # In order, and final when all replicas in sync have it.
    op.output("write", keyed, process.sink())
    return flow


try:
    flow = build(start())
except (KafkaSetupError, SecretError) as problem:
    refuse(str(problem))
