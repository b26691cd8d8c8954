"""The progress of a replay, for people at a terminal; silent elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """A bar on standard error: letters looked at, of those that there were at the start."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("replaying"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("letters, {task.fields[taken]:,} taken"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("replay", total=total, taken=0)
        self._bar.start()

    def show(self, seen: int, taken: int) -> None:
        """Show how far it is."""
        if not self._bar.disable:
            self._bar.update(self._task, completed=seen, taken=taken)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
