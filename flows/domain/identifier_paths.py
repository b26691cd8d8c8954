"""Identifier paths: from which path each identifier of an event was read, for whoever has to find the right ones."""

from collections.abc import Mapping, Sequence

from flows.domain.event import Event
from flows.domain.identifier_reader import DeviceReading, IdentifierReader


class IdentifierPaths:
    """Reads each path by itself, in the reader's own way. It is for samples: the stream has no need of it."""

    def __init__(self, paths: Mapping[str, Sequence[str]]) -> None:
        self._readers = {
            name: [(path, IdentifierReader({name: (path,)})) for path in alternatives]
            for name, alternatives in paths.items()
        }

    def of(self, event: Event, reading: DeviceReading) -> dict[str, str]:
        """Return identifier → the first path that tells its value, of everything that the event was read to tell."""
        found: dict[str, str] = {}
        for name, value in reading.told.items():
            for path, reader in self._readers.get(name, ()):
                if reader.read(event).told.get(name) == value:
                    found[name] = path
                    break
        return found
