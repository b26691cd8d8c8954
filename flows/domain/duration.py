"""Durations as people say them."""


def duration(seconds: float) -> str:
    """Return a duration as people say it: 3 s, 12 min, 5 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
