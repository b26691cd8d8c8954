"""Replay: what `flows.replay` and `python -m flows replay` are made of."""
