"""What `check` says of an inbox."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.clock import now_ms
from connectors.event_writer import TakenEvent
from connectors.finding import Finding, Mark
from connectors.inbox import check
from connectors.inbox.cleaner import Cleaner, KnownFates
from connectors.inbox.directory import inbox_file
from connectors.inbox.kind import EventInbox
from connectors.inbox.settings import InboxSource
from tests.fixtures.inbox import append, reader, taken


def _findings(inbox: Path) -> list[Finding]:
    def look_at(_: Any) -> Iterator[Finding]:
        return iter(())

    return list(EventInbox(InboxSource(inbox)).check(inbox.parent, look_at))


def test_before_anything_was_taken_in_it_says_what_makes_an_inbox(tmp_path: Path) -> None:
    (found,) = _findings(tmp_path / "inbox")
    assert found.mark is Mark.NOTE
    assert found.text == f"source.directory: no inbox in {tmp_path / 'inbox'} yet"
    assert "serve" in found.do
    assert not (tmp_path / "inbox").exists()


def test_it_says_how_much_waits_and_since_when(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    append(inbox, [TakenEvent(b"{}", b"u", now_ms() - (90 - number) * 60_000, "") for number in range(10)])
    place = reader(inbox).position
    assert place is not None
    fates = KnownFates(place.place.name, 4, 8, [4, 6])
    Cleaner(inbox, 24.0, lambda: fates, lambda: None).clean()
    (found,) = _findings(inbox)
    assert found.mark is Mark.FINE
    assert found.text.endswith("4 events wait, the oldest for 86 minutes")


def test_it_says_that_damaged_files_are_there_and_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    append(inbox, taken(1))
    (inbox / "events-000000.sqlite.damaged").write_bytes(b"")
    monkeypatch.setattr(check, "free_bytes", lambda _: (1_000_000, 512_000_000))
    marks = {each.mark: each.text for each in _findings(inbox)}
    assert "damaged files were set aside: events-000000.sqlite.damaged" in marks[Mark.NOTE]
    assert "1 MB free; below 512 MB no event is taken" in marks[Mark.FAILED]


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    append(inbox, taken(1))
    path = inbox_file(inbox)
    assert path is not None
    path.write_bytes(b"no database at all, and longer than a header of one" * 100)
    assert [each.mark for each in _findings(inbox)] == [Mark.FAILED]


def test_a_directory_that_cannot_be_used_is_an_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (found,) = EventInbox(InboxSource(tmp_path / "file" / "inbox")).obstacles()
    assert found.startswith("source.directory: ")
    assert not list(EventInbox(InboxSource(tmp_path / "new" / "inbox")).obstacles())
