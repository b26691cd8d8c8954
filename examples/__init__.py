"""Examples: a sample archive to try the stream on, and settings to begin with."""
