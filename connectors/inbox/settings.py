"""The settings of the inbox as a source: as they are written, and as they are used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from connectors.form import Form
from connectors.table import Table
from connectors.values import Path as PathText
from connectors.values import number

_DIRECTORY: Final = "inbox"
_KEEP_HOURS: Final = 24.0


@dataclass(frozen=True, slots=True)
class InboxSource:
    """`[source] kind = "inbox"`."""

    kind: ClassVar[str] = "inbox"
    directory: Path
    keep_hours: float = _KEEP_HOURS
    """For how long an event stays after it has arrived, if it has met its fate by then."""


class InboxSourceTable(Table):
    """Events are read from the inbox, which `serve` and `collect` write to. It needs nothing but a disk."""

    kind: Literal["inbox"]
    """An inbox is for one machine: the collector and the stream share its directory."""
    directory: PathText = _DIRECTORY
    """The directory of the inbox, on a local disk; a relative path starts at the settings file."""
    keep_hours: Annotated[float, number(0, 8784)] = _KEEP_HOURS
    """How many hours an event is kept after it arrived, so that a stream that has lost its state can learn users'
    identifiers again. An event that is not delivered yet is always kept."""

    def settings(self, base: Path) -> InboxSource:
        """Return them, with an absolute path."""
        return InboxSource(base / self.directory, self.keep_hours)


SOURCE: Final = Form(
    InboxSourceTable, own_keys=("directory", "keep_hours"), connector="connectors.inbox.kind:EventInbox"
)
