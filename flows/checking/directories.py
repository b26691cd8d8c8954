"""The directories: whether they can be written."""

import os
from collections.abc import Iterator

from flows.checking.finding import Finding, Mark
from flows.settings.model import FileDeadLetters, Settings


def directories(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of the places that the stream writes to."""
    places = {"state.directory": settings.state.directory}
    if isinstance(settings.dead_letters, FileDeadLetters):
        places["dead_letters.directory"] = settings.dead_letters.directory
    for key, directory in places.items():
        there = next(each for each in (directory, *directory.parents) if each.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            yield Finding(Mark.FINE, f"{key}: {directory} {'can be written' if there == directory else 'can be made'}")
        else:
            yield Finding(Mark.WRONG, f"{key}: {there} cannot be written", "give this user the right, or change it")
