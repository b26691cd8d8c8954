"""The store of copies: within its bound, whatever becomes of its file; what is deleted is gone from the disk."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Semaphore

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ports import SetupError
from connectors.request_copy import CopiedRequest
from connectors.state.disk import RESERVE_BYTES
from connectors.tee.counts import DropReason, TeeCounts
from connectors.tee.database import size_of
from connectors.tee.queue import CopyQueue
from connectors.tee.room import has_room
from connectors.tee.store import Store
from tests.fixtures.examples import examples

MB = 1_000_000
SECRET = b"jane@example.com"


def _request(number: int = 1, body: bytes = SECRET, **more: str) -> CopiedRequest:
    path, query = more.get("path", "/batch"), more.get("query", "v=2")
    return CopiedRequest("POST", path, query, (("User-Agent", "Client/1"),), body, 3, frozenset({7, 2**32 - 1}), number)


def _open(directory: Path, most_bytes: int = MB) -> Store:
    return Store(directory, most_bytes, TeeCounts())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = _open(tmp_path)
    yield made
    made.close()


def _requests(store: Store, after: int = 0) -> list[CopiedRequest]:
    """Return what is stored, as it is read back: all but the keys, which the rows have."""
    rows = store.ask(lambda database: database.rows(after, 100)) or []
    found = [store.ask(lambda database, row=row: database.request(row.id)) for row in rows]  # type: ignore[misc]
    return [each for each in found if each is not None]


def test_what_is_stored_is_read_back_by_the_next_start(tmp_path: Path) -> None:
    store = _open(tmp_path)
    (first, second), _ = store.put([_request(1), _request(2, b"")], [])
    assert isinstance(first, int)
    assert isinstance(second, int)
    store.close()
    counts = TeeCounts()
    again = Store(tmp_path, MB, counts)
    assert counts.waiting_requests == 2
    assert counts.oldest_received_ms == 1
    rows = again.ask(lambda database: database.rows(0, 100)) or []
    assert [(row.id, row.received_ms, row.events, sorted(row.keys)) for row in rows] == [
        (first, 1, 3, [7, 2**32 - 1]),
        (second, 2, 3, [7, 2**32 - 1]),
    ]
    assert _requests(again) == [each._replace(keys=frozenset()) for each in (_request(1), _request(2, b""))]
    again.close()


@examples(30)
@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=20))
def test_the_bound_holds_and_the_counts_are_what_the_file_has(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]]
) -> None:
    """What is queued stays; what comes when there is no room is dropped."""
    counts = TeeCounts()
    store = Store(tmp_path_factory.mktemp("tee"), 1_000, counts)
    known: list[tuple[int, int]] = []
    for length, is_done in steps:
        request = _request(body=b"x" * length)
        done = [known.pop(0)] if is_done and known else []
        fits = sum(size for _, size in known) + size_of(request) <= 1_000
        (outcome,), is_deleted = store.put([request], done)
        assert is_deleted
        assert isinstance(outcome, DropReason) is not fits
        if not isinstance(outcome, DropReason):
            assert all(outcome > number for number, _ in known)
            known.append((outcome, size_of(request)))
    assert (counts.waiting_requests, counts.waiting_bytes) == (len(known), sum(size for _, size in known))
    totals = store.ask(lambda database: database.totals())
    assert totals == (counts.waiting_requests, counts.waiting_bytes, 1 if known else None)
    store.close()


def test_what_is_deleted_is_on_no_disk_once_the_queue_is_empty(tmp_path: Path, store: Store) -> None:
    request = _request()
    (number,), _ = store.put([request], [])
    assert isinstance(number, int)
    assert any(SECRET in each.read_bytes() for each in tmp_path.iterdir())
    store.put([], [(number, size_of(request))])
    store.tend()
    assert not any(SECRET in each.read_bytes() for each in tmp_path.iterdir())


def test_only_its_own_account_can_read_it(tmp_path: Path) -> None:
    earlier = os.umask(0)
    try:
        store = _open(tmp_path / "tee")
        store.put([_request()], [])
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "tee").iterdir()]
        assert stat.S_IMODE((tmp_path / "tee").stat().st_mode) == 0o700
        assert modes
        assert set(modes) == {0o600}
        store.close()
    finally:
        os.umask(earlier)


def test_an_error_drops_the_copy_in_hand_and_the_next_is_stored(store: Store) -> None:
    (first,), _ = store.put([_request(1)], [])
    assert store._database is not None
    store._database.close()  # as a disk that is gone for a moment
    assert store.put([_request(2)], [(int(first), 1)]) == ([DropReason.BROKEN], False)
    (third,), is_deleted = store.put([_request(3)], [])
    assert is_deleted
    assert [each.received_ms for each in _requests(store)] == [1, 3]
    assert int(third) > int(first)


def test_a_file_that_is_damaged_while_it_is_used_is_set_aside_and_no_id_comes_twice(tmp_path: Path) -> None:
    """Who still knows an id of the damaged file must not find another copy under it."""
    counts = TeeCounts()
    store = Store(tmp_path, 100 * MB, counts)
    (first, second), _ = store.put([_request(1, b"x" * 100_000), _request(2, b"x" * 100_000)], [])
    assert store._database is not None
    store._database.shrink()
    with (tmp_path / "copies.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096 * 30))
    store._database.close()
    store._database = None
    outcomes = [store.put([_request(each)], [])[0][0] for each in range(3, 9)]
    assert isinstance(outcomes[-1], int)
    assert outcomes[-1] > int(second) > int(first)
    assert store.ask(lambda database: database.request(int(first))) is None
    assert counts.waiting_requests == len(_requests(store))
    assert (tmp_path / "copies.sqlite.damaged").exists()
    store.close()


def test_what_is_no_queue_is_refused_in_words(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "copies.sqlite") as other:
        other.execute("CREATE TABLE theirs (id)")
    other.close()
    with pytest.raises(SetupError, match=r"collector\.tee\.directory: .* move it away"):
        _open(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SetupError, match=r"collector\.tee\.directory: .* cannot be used: File exists"):
        _open(tmp_path / "file")


class _Space:
    def __init__(self, free: int, whole: int) -> None:
        self.f_frsize, self.f_bavail, self.f_blocks = 1, free, whole


@pytest.mark.parametrize(
    ("free", "whole", "has"),
    [
        (3 * RESERVE_BYTES, 100 * RESERVE_BYTES, True),
        (3 * RESERVE_BYTES - 1, 100 * RESERVE_BYTES, False),
        (59, 100, False),
        (60, 100, True),
    ],
)
def test_a_disk_that_is_nearly_full_is_left_to_the_inbox(free: int, whole: int, *, has: bool) -> None:
    assert has_room(Path(), lambda _: _Space(free, whole)) is has


def test_copies_that_the_disk_does_not_keep_up_with_are_dropped_before_the_memory_is_full(tmp_path: Path) -> None:
    """The thread is held for as long as the loop is."""

    async def run() -> None:
        counts = TeeCounts()
        queue = CopyQueue(tmp_path, 1_000 * MB, counts, lambda: None)
        held = asyncio.ensure_future(queue._ask(lambda _: release.acquire()))
        await asyncio.sleep(0)
        body = b"x" * (10 << 20)
        copies = [queue.begin(_request(each, body)) for each in range(6)]
        assert [each.stored.done() for each in copies] == [False, False, False, False, True, True]
        assert counts.dropped == {DropReason.SLOW: 6}
        release.release()
        await held
        for each in copies:
            each.settle(is_taken=True)
            await each.durable()
        await queue.close()
        assert counts.waiting_requests == 4

    release = Semaphore(0)
    asyncio.run(run())
