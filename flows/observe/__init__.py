"""Health: whether the process moves, whether it can do its work, and what it is at."""
