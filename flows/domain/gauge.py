"""Gauge: how many of something there are at the moment."""


class Gauge:
    """A number that workers move and others read."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def move(self, change: int) -> None:
        """Go up or down. Needs no lock: CPython gives up the interpreter only at calls and backward jumps."""
        self.value += change
