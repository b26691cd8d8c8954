"""The files that a source has read, or is reading, and what became of them since: the same, grown, replaced, moved.

Each is known by its first lines (`fingerprint.py`), and its records by a name that no other file's records have: their
positions must not be taken for those of a file that was under the same path before.
"""

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, NamedTuple

from connectors.files.fingerprint import Head, Signature, digest, first_mark, head_of, signature_of

_UNKNOWN: Final = 0


class Seen(NamedTuple):
    """One file, and how far it was read."""

    name: str
    """What its records are called by: the path under which it was seen first, or that with a digest."""
    path: str
    """Where it was last."""
    fingerprint: bytes = b""
    """Empty where nothing was in it, or an earlier version of this program has read it."""
    signature: Signature | None = None
    """As it was when it was opened last."""
    member: str | None = None
    next_number: int = 1
    """The next line; 0 where an earlier version of this program has read all of it."""
    tail: bytes = b""
    """The digest of the last line that was read; empty where it is not known."""
    is_over: bool = False
    is_torn: bool = False
    """Whether that line broke off in the middle."""
    members: int = 0
    """Of a zip, how many members there were up to that one; 0 where it is not known."""

    def stored(self) -> tuple[Any, ...]:
        """Return it as it is stored."""
        return (*self[:3], None if self.signature is None else tuple(self.signature), *self[4:])


def read_seen(stored: tuple[Any, ...]) -> Seen:
    """Return what was stored."""
    name, path, fingerprint, signature, *rest = stored
    return Seen(name, path, fingerprint, None if signature is None else Signature(*signature), *rest)


class What(Enum):
    """What a file is, beside those that are known."""

    SAME = "read before, as it is"
    BEGUN = "to be read on where it was left"
    NEW = "not seen before"
    CHANGED = "read before, and written to since"
    UNCOUNTED = "read by an earlier version, and written to since"
    REPLACED = "another file under the name of one that was read before"
    MOVED = "read before under another name"


class KnownFile(NamedTuple):
    """What was found of a file."""

    what: What
    seen: Seen
    """From where it is to be read."""
    before: Seen | None = None
    """What was known under its path, or what it was known as."""


class Known:
    """All of them. `look` changes nothing."""

    def __init__(self, seen: Iterable[Seen] = ()) -> None:
        self._by_name: dict[str, Seen] = {}
        self._by_path: dict[str, str] = {}
        self._beginning_with: defaultdict[bytes, set[str]] = defaultdict(set)
        for each in seen:
            self.put(each)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_name)

    def put(self, seen: Seen) -> None:
        """Take what is known of a file now. Its path is its own from now on."""
        before = self._by_name.get(seen.name)
        if before is not None and before.path != seen.path and self._by_path.get(before.path) == seen.name:
            del self._by_path[before.path]
        self._by_name[seen.name] = seen
        self._by_path[seen.path] = seen.name
        self._beginning_with[first_mark(seen.fingerprint)].add(seen.name)

    def drop(self, name: str) -> None:
        """Forget one of which nothing was read."""
        seen = self._by_name.pop(name)
        if self._by_path.get(seen.path) == name:
            del self._by_path[seen.path]

    def named(self, name: str) -> Seen | None:
        """Return what is known by this name."""
        return self._by_name.get(name)

    def has(self, path: str) -> bool:
        """Whether a file was seen there."""
        return path in self._by_path

    def stored(self) -> tuple[tuple[Any, ...], ...]:
        """Return them as they are stored."""
        return tuple(each.stored() for each in self._by_name.values())

    def is_done(self, path: str, now: Signature | None) -> bool:
        """Whether the file there, which is `now` like this, was read to its end, and is as it was."""
        seen = self._by_name.get(self._by_path.get(path, ""))
        return seen is not None and seen.is_over and seen.signature is not None and seen.signature == now

    def look(self, path: str) -> KnownFile:
        """Find out what a file is."""
        signature = signature_of(path)
        seen = self._by_name.get(self._by_path.get(path, ""))
        if seen is not None and not seen.is_over and seen.signature == signature:
            return KnownFile(What.BEGUN, seen)
        head = head_of(path)
        if seen is None:
            return self._look_elsewhere(path, signature, head)
        if head is None:
            is_whole = seen.next_number == _UNKNOWN
            return KnownFile(What.SAME if is_whole else What.BEGUN, seen._replace(is_over=is_whole), seen)
        if not head.begins_as(seen.fingerprint):
            found = self._look_elsewhere(path, signature, head)
            return found if found.what is What.MOVED else found._replace(what=What.REPLACED, before=seen)
        return _look_at_same(seen, signature, head)

    def renamed(self, seen: Seen) -> Seen:
        """Return a file whose next lines are of another name, because the numbers of some have been used.

        The old name stays taken, and no file is known by it any more.
        """
        self.put(seen._replace(fingerprint=b"", signature=None, next_number=_UNKNOWN, is_over=True))
        return seen._replace(name=self._new_name(seen.path, seen.fingerprint), is_over=False, is_torn=False)

    def _anew(self, path: str, signature: Signature | None, head: Head | None) -> Seen:
        """Return a file that is read from its first line, with a name that no other has had."""
        fingerprint = b"" if head is None else head.fingerprint
        return Seen(self._new_name(path, fingerprint), path, fingerprint, signature)

    def _new_name(self, path: str, fingerprint: bytes) -> str:
        name = path
        while name in self._by_name:
            name = f"{path}@{digest(fingerprint + name.encode(errors='surrogateescape')).hex()}"
        return name

    def _look_elsewhere(self, path: str, signature: Signature | None, head: Head | None) -> KnownFile:
        if head is not None and head.fingerprint:
            for name in sorted(self._beginning_with[first_mark(head.fingerprint)]):
                seen = self._by_name.get(name)
                if seen is not None and seen.path != path and _has_left(seen, head):
                    found = _look_at_same(seen._replace(path=path), signature, head)
                    return KnownFile(What.MOVED, found.seen, seen)
        return KnownFile(What.NEW, self._anew(path, signature, head))


def _has_left(seen: Seen, head: Head) -> bool:
    """Whether this may be that file, and it is not any more where it was."""
    if not seen.fingerprint or not head.is_as_long_as(seen.fingerprint) or not head.begins_as(seen.fingerprint):
        return False
    there = signature_of(seen.path)
    if there is None or there == seen.signature:
        return there is None
    now = head_of(seen.path)
    return now is not None and not (now.is_as_long_as(seen.fingerprint) and now.begins_as(seen.fingerprint))


def _look_at_same(seen: Seen, signature: Signature | None, head: Head) -> KnownFile:
    fingerprint = head.fingerprint if head.is_as_long_as(seen.fingerprint) else seen.fingerprint
    now = seen._replace(signature=signature, fingerprint=fingerprint)
    if not seen.is_over:
        return KnownFile(What.BEGUN, now, seen)
    if seen.signature is None or signature is None or seen.signature[:2] == signature[:2]:
        return KnownFile(What.SAME, now, seen)
    if seen.next_number == _UNKNOWN:
        return KnownFile(What.UNCOUNTED, now, seen)
    return KnownFile(What.CHANGED, now._replace(is_over=False), seen)
