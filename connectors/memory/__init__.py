"""Sources and dead letters in memory: for tests, and for who looks at events without a broker or a disk."""
