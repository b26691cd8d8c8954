"""The directories: whether they can be written."""

from collections.abc import Iterator

from connectors.finding import Finding, Mark
from connectors.kinds import store_of
from flows.runtime.obstacles import unwritable
from flows.settings.model import Settings


def directories(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of the places that the stream writes to."""
    places = {"state.directory": settings.state.directory, **store_of(settings.dead_letters).directories}
    for key, directory in places.items():
        closed = unwritable(directory)
        if closed is None:
            yield Finding(Mark.FINE, f"{key}: {directory} {'can be written' if directory.exists() else 'can be made'}")
        else:
            yield Finding(Mark.WRONG, f"{key}: {closed} cannot be written", "give this user the right, or change it")
