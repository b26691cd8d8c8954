"""One process from start to end: settings, wiring, reload, signals, logs."""
