"""Everything that does I/O: sources, sinks, the ledger."""
