"""The reading of one file from where it was left, if it is still what it was there."""

from connectors.files.archive import Line, OnDamage, Skipped, ZipPlace, read_archive
from connectors.files.counted import Amount
from connectors.files.damage import source_name
from connectors.files.fingerprint import digest
from connectors.files.known import Seen


class RewrittenError(Exception):
    """The last line that was read of the file is not there any more: another is in its place."""


class Reading:
    """One file. `take` is told of each line that is handed on, and then `seen` says how far it was read."""

    def __init__(self, seen: Seen, report: OnDamage, amount: Amount | None = None) -> None:
        """Nothing is opened before the first `next`. What is read counts towards `amount`."""
        self._seen = seen
        self._report = report
        self._member = seen.member
        self._next_number = seen.next_number
        self._last: bytes | None = None
        self._is_torn = seen.is_torn
        self._is_confirmed = seen.next_number <= 1
        self._place = ZipPlace(seen.member, seen.members)
        self._members = seen.members
        first = max(seen.next_number - 1, 1)
        self._lines = read_archive(seen.path, report, seen.member, first, amount, self._place)
        self.source = source_name(seen.name, seen.member)
        """What the records are called by."""

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._seen.path

    @property
    def is_begun(self) -> bool:
        """Whether anything was read of it, now or before."""
        return self._member is not None or self._next_number > 1

    @property
    def seen(self) -> Seen:
        """How far it was read."""
        tail = self._seen.tail if self._last is None else digest(self._last)
        if self._place.member == self._member:
            self._members = self._place.count  # a member that was entered and has given no line is none that was read
        return self._seen._replace(
            member=self._member,
            next_number=self._next_number,
            tail=tail,
            is_torn=self._is_torn,
            is_over=False,
            members=self._members,
        )

    def next(self) -> Line | Skipped | None:
        """Return what comes next; None at its end.

        Raises:
            UnreadableError: nothing more of it can be read.
            RewrittenError: it is not what was read before.
        """
        found = next(self._lines, None)
        if self._is_confirmed or isinstance(found, Skipped):
            return found
        self._is_confirmed = True
        if found is None or found.member != self._seen.member:
            self._report(
                self._seen.member,
                None,
                f"it was read up to line {self._seen.next_number - 1} before, and has fewer lines now, as if it was "
                "cut short; what was read of it is not read again",
            )
            return found
        if found.number >= self._seen.next_number or (self._seen.tail and digest(found.value) != self._seen.tail):
            raise RewrittenError
        return Skipped(len(found.value))

    def take(self, line: Line) -> None:
        """Note that this line is read."""
        if line.member != self._member:
            self._member = line.member
            self._members = self._place.count
            self.source = source_name(self._seen.name, line.member)
        self._next_number = line.number + 1
        self._last = line.value
        self._is_torn = line.is_torn
