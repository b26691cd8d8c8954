"""The domain: pure functions and frozen types, with no engine, no I/O, no clock and no environment."""
