"""Replay: dead letters → AppsFlyer, by the same steps as the stream. Read from top to bottom.

python -m flows replay …                      plans it, and becomes:
python -m bytewax.run "flows.replay:flow('DIRECTORY')"     with the directory of the plan
"""

from bytewax.dataflow import Dataflow

from flows.runtime.early import starting


def flow(directory: str = "") -> Dataflow:
    """Return the topology of the replay that is planned there, ready to run. Exits with 2 where it cannot be."""
    with starting():  # a stop may be asked for while the libraries are loaded
        import bytewax.operators as op  # noqa: PLC0415

        from flows.runtime.replay.start import start  # noqa: PLC0415

        replay = start(directory)
    topology = Dataflow("replay")

    # The letters that were there at the start, by reason, sync and time; without those that were replayed before.
    letters = op.input("letters", topology, replay.source)

    # The original bytes → events, for the letter's own sync. What decode had refused, for any that wants it now.
    read = op.flat_map_batch("decode", letters, replay.read_again)
    events = op.flat_map_batch("events", read, replay.events)
    refused = op.flat_map_batch("refused", read, replay.refused)

    # What the event says itself, what its letter remembers of it, what the user's other letters teach, and what those
    # of a device do before its first login.
    keyed = op.flat_map_batch("users", events, replay.keyed)
    identified = op.stateful_batch("identify", keyed, replay.users_logic)

    # From here on as in the stream, with today's settings; what is refused again is a dead letter again.
    deliveries = op.flat_map_batch("translate", identified, replay.translate)
    items = op.merge("items", deliveries, refused)
    batches = op.stateful_batch("window", items, replay.micro_batch)
    op.output("deliver", batches, replay.sink)
    return topology
