"""The ledger: the fate of every event that was read."""
