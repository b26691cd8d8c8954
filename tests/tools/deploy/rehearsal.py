"""A rehearsal: what was done on the cluster, what was seen, and which ids were produced meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console


@dataclass
class Step:
    """One line of the report."""

    name: str
    may_repeat: bool
    """Whether it kills: a clean stop sends nothing twice."""
    seen: str = ""
    seconds: float = 0.0
    copies: int = 0
    """How many requests were accepted a second time."""


@dataclass
class Rehearsal:
    """What is known of one run."""

    console: Console
    workspace: Path
    """Holds a copy of deploy/, whose number of slices is changed as an operator changes it."""
    numbers: list[int] = field(default_factory=list)
    refused: int = 0
    """How many are dead letters that are still to be replayed."""
    steps: list[Step] = field(default_factory=list)

    @property
    def overlay(self) -> Path:
        """The folder that is applied."""
        return self.workspace / "deploy" / "overlays" / "local"

    @contextmanager
    def step(self, name: str, *, may_repeat: bool = False) -> Iterator[Callable[[str], None]]:
        """Do one thing; what it says at the end becomes its line."""
        began, step = time.monotonic(), Step(name, may_repeat)
        self.steps.append(step)
        with self.console.status(name):
            yield lambda text: setattr(step, "seen", text)
        step.seconds = time.monotonic() - began
        twice = f", {step.copies} sent twice" if step.copies else ""
        self.console.print(f"[green]✓[/] {name}: {step.seen}{twice} [dim]({step.seconds:.0f} s)[/]")
