"""The inbox: events that were taken in wait on this machine's disk, in SQLite, until they are delivered."""
