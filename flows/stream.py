"""The stream: Amplitude's events → AppsFlyer. Read from top to bottom.

python -m bytewax.run flows.stream            settings: $STREAM_SETTINGS, else stream.toml
python -m flows run                           the same, with a recovery store
"""

from bytewax.dataflow import Dataflow

from flows.runtime.early import starting


def flow() -> Dataflow:
    """Return the topology, ready to run. Exits with 2 where it cannot be."""
    with starting(reloads=True):  # a stop may be asked for while the libraries are loaded
        import bytewax.operators as op  # noqa: PLC0415

        from flows.runtime.start import start  # noqa: PLC0415

        stream = start()
    topology = Dataflow("stream")

    # Kafka messages or lines of an archive, no more than the ledger has room for.
    records = op.input("source", topology, stream.source)

    # Bytes → events. What cannot be read goes to the dead letters with its bytes.
    decoded = op.flat_map_batch("decode", records, stream.decode)
    letters = op.flat_map_batch("refused letters", decoded, stream.refused_letters)

    # «Send events»: which syncs send it, under which names. Keyed by the shard of the user, else device.
    selected = op.flat_map_batch("select", decoded, stream.compiled.select)

    # The user's state: device identifiers and OS, duplicates, events that wait for their AppsFlyer id.
    identified = op.stateful_batch("identify", selected, stream.users_logic)

    # AppsFlyer's request body, at most 1 KB. Keyed by lane: one sync's requests to one app.
    deliveries = op.flat_map_batch("translate", identified, stream.compiled.translate)
    items = op.merge("items", deliveries, letters)

    # Micro-batches, by count or by time since the first.
    batches = op.stateful_batch("window", items, stream.micro_batch)

    # One request an event, retries, dead letters; final when AppsFlyer or the dead letters' place has answered.
    op.output("deliver", batches, stream.sink)
    return topology
