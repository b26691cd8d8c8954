"""What is remembered, seen from another process: of all slices, the newest of each user."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.state.engine_store import NewStore
from connectors.state.layout import Slices
from connectors.state.step_states import USERS, ShardState
from connectors.state.user_segments import StoredUser, UserLogError, UserRecord, read_log, write_log
from flows.domain.user_state import STATE_VERSION, UserState
from flows.operations.forget import Person, erase_states
from flows.operations.remembered import NothingRememberedError, Remembered
from flows.operations.rescale.deal import StateError
from flows.operations.rescale.handover import Handover
from flows.operators.user_store import shard_of

ADA = "u:ada"


def state(touched_s: int) -> tuple[object, ...]:
    device = (1_795_000_000_000, touched_s, ("appsflyer_id",), (f"1700000000000-{touched_s:07d}",), 1_795_000_000_000)
    return (*UserState(STATE_VERSION, {"id": device}, b"", {}, (), touched_s), ADA, 0)


def slice_that_remembers(directory: Path, records: Sequence[UserRecord]) -> None:
    """Make the state of a slice that has stored this of one shard's users."""
    shard = shard_of(ADA)
    store = NewStore(directory / "recovery")
    generation = write_log(directory / "users" / shard, records)
    store.put(USERS, shard, ShardState(shard, generation).packed())
    store.close()


@pytest.mark.parametrize("order", [(7, 9), (9, 7)])
def test_the_newest_counts_where_two_slices_remember_a_user(tmp_path: Path, order: tuple[int, int]) -> None:
    """In whatever order they are read."""
    for index, touched_s in enumerate(order):
        slice_that_remembers(tmp_path / f"slice-{index}-of-2", [(ADA, state(touched_s))])
    user = Remembered(tmp_path).user(ADA)
    assert user is not None
    assert user.touched_s == 9


def test_what_one_slice_has_forgotten_another_may_remember(tmp_path: Path) -> None:
    """A slice forgets whom it has not heard of for long; that says nothing of the others."""
    slice_that_remembers(tmp_path / "slice-0-of-2", [(ADA, state(7))])
    slice_that_remembers(tmp_path / "slice-1-of-2", [(ADA, state(3)), (ADA, None)])
    user = Remembered(tmp_path).user(ADA)
    assert user is not None
    assert user.touched_s == 7


def test_a_person_is_erased_also_where_the_recovery_store_is_gone(tmp_path: Path) -> None:
    """As after a damaged store was removed: the log of users lies there until the next start."""
    log = tmp_path / "users" / shard_of(ADA)
    write_log(log, [(ADA, state(7))])
    assert erase_states(tmp_path, [Person(user_id="ada")]) == 1
    left: dict[str, StoredUser | None] = {}
    read_log(log, 1, left.__setitem__)
    assert left == {}
    with pytest.raises(NothingRememberedError):
        Remembered(tmp_path)


def test_slices_whose_users_are_lost_are_not_dealt_out(tmp_path: Path) -> None:
    """Among what is remembered are events that wait: without it they would be gone without a word."""
    slice_that_remembers(tmp_path, [(ADA, state(7))])
    shutil.rmtree(tmp_path / "users")
    with pytest.raises(StateError, match="not of the same run"):
        Handover(Slices([tmp_path]), 1, 2).run()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["recovery"], "nothing was changed"


def test_explain_says_that_users_are_lost(tmp_path: Path) -> None:
    """Not that nothing is remembered."""
    slice_that_remembers(tmp_path, [(ADA, state(7))])
    shutil.rmtree(tmp_path / "users")
    with pytest.raises(UserLogError, match="not of the same run"):
        Remembered(tmp_path)
