"""The progress of a replay, for people at a terminal; silent elsewhere."""

from flows.runtime.bar import bar_of_counts


class ReplayProgress:
    """A bar on standard error: letters looked at, of those that there were at the start."""

    def __init__(self, total: int) -> None:
        self._bar = bar_of_counts("replaying", "letters, {task.fields[taken]:,} taken")
        self._task = self._bar.add_task("replay", total=total, taken=0)
        self._bar.start()

    def show(self, seen: int, taken: int) -> None:
        """Show how far it is."""
        if not self._bar.disable:
            self._bar.update(self._task, completed=seen, taken=taken)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
