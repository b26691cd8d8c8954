"""Files: Amplitude Export archives as a source, and dead letters as NDJSON."""
