"""Rekey: any topic → a topic whose keys are user ids, else device ids. Read from top to bottom.

python -m flows rekey --to TOPIC              makes a store for its position, and becomes:
python -m bytewax.run "flows.rekey:flow('FROM', 'TO')"     settings: $STREAM_SETTINGS, else stream.toml
"""

from bytewax.dataflow import Dataflow

from flows.runtime.early import starting


def flow(from_topic: str = "", to_topic: str = "", *, hand_over: bool = False) -> Dataflow:
    """Return the topology, ready to run; a topic that is not named is `source.topic`. Exits with 2 where it cannot be.

    With `hand_over` it ends where the stream's group stands, and lets it go on in the other topic from there.
    """
    with starting():  # a stop may be asked for while the libraries are loaded
        import bytewax.operators as op  # noqa: PLC0415

        from flows.runtime.rekey.start import start  # noqa: PLC0415

        rekeying = start(from_topic, to_topic, hand_over=hand_over)
    topology = Dataflow("rekey")

    # Kafka messages with their headers, no more than are acknowledged at the other end.
    records = op.input("source", topology, rekeying.source)

    # Each event with its user's key. Upload bodies fall into their events; what cannot be read stays as it is.
    keyed = op.flat_map_batch("rekey", records, rekeying.rekey_records)

    # In order, and final when all replicas in sync have it.
    op.output("write", keyed, rekeying.sink)
    return topology
