"""The log of users: a start finds exactly what the engine's snapshot stands for, whatever came after it."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.state import user_log
from connectors.state import user_segments as segments
from connectors.state.user_log import UserLog
from connectors.state.user_segments import StoredUser, UserLogError, erase, read_log, write_log
from tests.fixtures.examples import examples

NOW_S = 1_795_000_000
SECRET = "ada@example.com"  # noqa: S105 - a user's id


class People:
    """Everybody, as the flow has them in memory."""

    def __init__(self) -> None:
        self.known: dict[str, StoredUser] = {}
        self.changed: dict[str, StoredUser | None] = {}

    def __len__(self) -> int:
        """Return how many."""
        return len(self.known)

    def keys(self) -> Sequence[str]:
        return list(self.known)

    def state_of(self, key: str) -> StoredUser | None:
        return self.known.get(key)

    def put(self, key: str, state: StoredUser | None) -> None:
        """Change somebody."""
        self.changed[key] = state
        self.take(key, state)

    def take(self, key: str, state: StoredUser | None) -> None:
        """Take somebody up."""
        if state is None:
            self.known.pop(key, None)
        else:
            self.known[key] = state

    def save(self, log: UserLog, now_s: int = NOW_S) -> int:
        changed, self.changed = self.changed, {}
        return log.save(list(changed.items()), now_s)


def opened(directory: Path, generation: int = 0) -> tuple[UserLog, People]:
    people = People()
    log = UserLog(directory, people)
    log.resume(generation, people.take)
    return log, people


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*.users"))


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewrite as soon as half of a log is out of date, two users at a time."""
    monkeypatch.setattr(user_log, "_SPARE_RECORDS", 4)
    monkeypatch.setattr(user_log, "_LEAST_REWRITTEN", 2)
    monkeypatch.setattr(segments, "_CHUNK", 3)


steps = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.integers(0, 99)), max_size=6),
        st.sampled_from(["", "", "", "torn", "back"]),
    ),
    max_size=30,
)


@pytest.mark.usefixtures("_often")
@examples(200)
@given(steps)
def test_a_start_finds_what_the_snapshot_stands_for(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[dict[str, int | None], str]]
) -> None:
    """After any changes, forgetting, rewriting, a crash in the middle of a write, and a step back by one snapshot."""
    directory = tmp_path_factory.mktemp("log")
    log, people = opened(directory)
    history: list[tuple[int, dict[str, Any]]] = []
    for changes, then in story:
        for key, value in changes.items():
            people.put(key, None if value is None else (value,))
        history.append((people.save(log), dict(people.known)))
        if not then:
            continue
        log.close()
        if then == "torn":
            with max(directory.glob("*.users")).open("ab") as file:
                file.write(b"\0\0\0\5half")
        elif len(history) > 1:
            history.pop()
        generation, known = history[-1]
        log, people = opened(directory, generation)
        assert people.known == known
    log.close()


@pytest.mark.usefixtures("_often")
def test_a_log_that_is_written_anew_when_nobody_is_left_is_read(tmp_path: Path) -> None:
    """Then the first generation that can be gone back to is the one that everybody's absence was written with."""
    log, people = opened(tmp_path / "users")
    people.put("c", (1,))
    people.save(log)
    for key in "ceag":
        people.put(key, None)
    people.save(log)
    generation = 0
    for number in range(3):  # the old segment is kept for as long as the engine may go back
        people.put("h", (number,))
        generation = people.save(log)
    log.close()
    assert not (tmp_path / "users/000000001.users").exists()
    again, read = opened(tmp_path / "users", generation)
    again.close()
    assert read.known == {"h": (2,)}


@pytest.mark.usefixtures("_often")
def test_a_log_stays_in_proportion_to_its_users(tmp_path: Path) -> None:
    """However often they change: about twice what all of them take, and what changes meanwhile."""
    log, people = opened(tmp_path)
    for round_ in range(400):
        for key in "abcdefgh"[round_ % 3 :: 3]:
            people.put(key, (round_, "x" * 100))
        people.save(log)
    assert size(tmp_path) < 10_000
    generation = people.save(log)
    log.close()
    assert opened(tmp_path, generation)[1].known == people.known


def test_who_is_forgotten_is_gone_from_the_disk_within_a_day(tmp_path: Path) -> None:
    """Also where so little is written that nobody would need the room: an hour after a start, then each day."""
    log, people = opened(tmp_path)
    now_s = NOW_S
    for days in range(3):
        people.put(SECRET, (days,))
        people.put("other", (days,))
        people.save(log, now_s)
        people.put(SECRET, None)
        for hours in (0, 25):
            for number in range(6):
                people.put("other", (days, hours, number))
                people.save(log, now_s + hours * 3600 + number)
        assert not [each for each in tmp_path.iterdir() if SECRET.encode() in each.read_bytes()]
        now_s += 86_400 + 7200
    log.close()


def test_nothing_is_written_where_nothing_has_changed(tmp_path: Path) -> None:
    """And the generation stays the same."""
    log, people = opened(tmp_path)
    people.put("a", (1,))
    assert people.save(log) == 1
    before = size(tmp_path)
    assert people.save(log) == 1
    assert size(tmp_path) == before


def test_a_fresh_engine_begins_with_nobody(tmp_path: Path) -> None:
    """What an older run left is of no snapshot that there is."""
    log, people = opened(tmp_path)
    people.put("a", (1,))
    people.save(log)
    log.close()
    assert opened(tmp_path)[1].known == {}
    assert size(tmp_path) == 0


@pytest.mark.usefixtures("_often")
@pytest.mark.parametrize("removed", range(3))
def test_a_fresh_engine_begins_anew_beside_a_log_that_was_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    """Also where a start before was broken off while it removed what was there."""
    log, people = opened(tmp_path)
    while not (tmp_path / "000000004.users").exists() or (tmp_path / "000000002.users").exists():
        people.put("abcd"[people.save(log) % 4], (1,))
    log.close()
    unlinks = iter(range(removed))
    unlink = Path.unlink

    def broken_off(path: Path, *, missing_ok: bool = False) -> None:
        if next(unlinks, None) is None:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as kill, suppress(KeyboardInterrupt):
        kill.setattr(Path, "unlink", broken_off)
        opened(tmp_path)
    log, people = opened(tmp_path)
    assert people.known == {}
    people.put("e", (2,))
    generation = people.save(log)
    log.close()
    log, people = opened(tmp_path, generation)
    log.close()
    assert people.known == {"e": (2,)}


def test_a_log_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    """As when only one of the two was put back from a copy."""
    log, people = opened(tmp_path)
    people.put("a", (1,))
    people.save(log)
    log.close()
    with pytest.raises(UserLogError, match=r"up to snapshot 1, and the recovery store goes on at 2.*put both back"):
        opened(tmp_path, 2)


@pytest.mark.usefixtures("_often")
def test_a_log_that_was_rewritten_since_is_refused(tmp_path: Path) -> None:
    """Its older generations are gone."""
    log, people = opened(tmp_path)
    for round_ in range(60):
        people.put("abcd"[round_ % 4], (round_,))
        people.save(log)
    log.close()
    with pytest.raises(UserLogError, match=r"written anew since snapshot 1"):
        opened(tmp_path, 1)


@pytest.mark.usefixtures("_often")
def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    """Not taken for the end: users would be forgotten without a word."""
    log, people = opened(tmp_path)
    while len(list(tmp_path.glob("*.users"))) < 2:
        people.put("a", (1,))
        generation = people.save(log)
    log.close()
    first = min(tmp_path.glob("*.users"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(UserLogError, match=r"000000001\.users is damaged at byte \d+"):
        opened(tmp_path, generation)


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a generation would be in the way of the next."""
    log, people = opened(tmp_path)
    people.put("a", (1,))
    people.save(log)
    before = size(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        people.put("b", (2,))
        with pytest.raises(OSError, match="No space"):
            log.save([("b", (2,))], NOW_S)
    assert size(tmp_path) == before
    assert log.save([("b", (2,))], NOW_S) == 2


def test_a_dealt_log_is_resumed(tmp_path: Path) -> None:
    """As `reslice` writes it."""
    generation = write_log(tmp_path / "new", ((f"user-{number}", (number,)) for number in range(1200)))
    people = opened(tmp_path / "new", generation)[1]
    assert people.known == {f"user-{number}": (number,) for number in range(1200)}
    reader = People()
    read_log(tmp_path / "new", generation, reader.take)
    assert reader.known == people.known


def test_erased_users_are_gone_from_the_disk(tmp_path: Path) -> None:
    """Every version of them, and nobody else; what was there is overwritten, and the log goes on."""
    log, people = opened(tmp_path)
    for number in range(3):
        people.put(f"u:{SECRET}", (number, SECRET))
        people.put("u:bob", (number,))
        generation = people.save(log)
    log.close()
    (path,) = tmp_path.glob("*.users")
    with path.open("rb") as held_open:
        assert erase(tmp_path, {f"u:{SECRET}", "u:nobody"}) == {f"u:{SECRET}"}
        assert SECRET.encode() not in held_open.read(), "the old blocks are overwritten"
    assert SECRET.encode() not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
    assert opened(tmp_path, generation)[1].known == {"u:bob": (2,)}
    assert erase(tmp_path, {f"u:{SECRET}"}) == set()


def test_a_generation_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    """As in a copy that was taken while it was written: its first users would be all."""
    generation = write_log(tmp_path / "0", ((f"user-{number}", (number,)) for number in range(3)))
    log, people = opened(tmp_path / "0", generation)
    for number in range(1200):
        people.put(f"user-{number}", (number, "x"))
    generation = people.save(log)
    log.close()
    (path,) = (tmp_path / "0").glob("*.users")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 100)
    with pytest.raises(UserLogError, match=r"000000001\.users is damaged at byte \d+; put it back"):
        opened(tmp_path / "0", generation)


def rewriting(directory: Path) -> tuple[UserLog, People, int]:
    log, people = opened(directory)
    for key in "abcdefgh":
        people.put(key, (0,))
    generation = people.save(log)
    while len(list(directory.glob("*.users"))) < 2:
        people.put("a", (generation,))
        generation = people.save(log)
    return log, people, generation


@pytest.mark.usefixtures("_often")
def test_a_full_disk_while_it_is_rewritten_loses_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that was not written is taken up again."""
    log, people, _ = rewriting(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(OSError, match="No space"):
            log.save([], NOW_S)
    for number in range(12):
        people.put("a", (number, 1))
        generation = people.save(log)
    log.close()
    assert opened(tmp_path, generation)[1].known == people.known


@pytest.mark.usefixtures("_often")
def test_a_full_disk_where_the_rewriting_begins_leaves_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number without a file would be refused as a part that is gone."""
    log, people = opened(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    refused = 0
    while refused < 3:
        people.put("a", (refused,))
        with monkeypatch.context() as patched:
            patched.setattr("os.open", full)
            try:
                people.save(log)
            except OSError:
                refused += 1
    for number in range(12):
        people.put("a", (number, 1))
        generation = people.save(log)
    log.close()
    assert opened(tmp_path, generation)[1].known == people.known


@pytest.mark.usefixtures("_often")
def test_a_reader_is_told_that_its_generation_is_gone(tmp_path: Path) -> None:
    """Else it would take a part of everybody for all."""
    log, people, generation = rewriting(tmp_path)
    for number in range(20):
        people.put("a", (number, 1))
        people.save(log)
    log.close()
    with pytest.raises(UserLogError, match="written anew since"):
        read_log(tmp_path, generation, people.take)


@pytest.mark.usefixtures("_often")
def test_erasing_does_not_hide_damage(tmp_path: Path) -> None:
    """The next start would take what is left for everybody."""
    log, _, generation = rewriting(tmp_path)
    log.close()
    first = min(tmp_path.glob("*.users"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(OSError, match="is damaged at byte"):
        erase(tmp_path, {"a"})
    with pytest.raises(UserLogError, match="is damaged at byte"):
        opened(tmp_path, generation)
