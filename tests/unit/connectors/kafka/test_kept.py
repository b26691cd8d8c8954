"""What identifies a source: stored beside each position and each commit, and read again, also from earlier versions."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.claim import Claim
from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.kept import Kept, Origin
from connectors.kafka.note import MOST_FINAL_BYTES, CommitMetadata, FinalAbove, pack_final, read_note, unpack_final
from connectors.kafka.position import ResumePosition, read_position
from flows.domain.event import Position, Record
from flows.domain.fate import FilterReason
from flows.domain.ledger import Ledger
from flows.domain.warm_up import WarmUp

NOTE = CommitMetadata("topic-id", "events", "state-of-another", "run", 1, is_open=True)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (None, None),
        (50, ResumePosition(50)),
        ((50, 70), ResumePosition(50, 70)),
        (
            ("kafka", 2, 50, 0, "id", "events@id", (90, (60, 61))),
            ResumePosition(50, 0, Origin("id", "events@id"), FinalAbove(90, (60, 61))),
        ),
    ],
)
def test_positions_of_every_version_are_read(stored: object, read: ResumePosition | None) -> None:
    assert read_position(stored) == read  # type: ignore[arg-type]  # it is what the store gives
    if read is not None:
        assert read.stored() == stored


def test_a_position_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 3"):
        read_position(("kafka", 3, 50, 0, "id", "events", None))


@given(st.sets(st.integers(100, 1_000_000), max_size=200), st.integers(0, 1000))
def test_what_is_final_above_an_offset_is_read_as_it_was_packed(pending: set[int], beyond: int) -> None:
    until = max(pending, default=100) + beyond
    assert unpack_final(100, pack_final(100, sorted(pending), until)) == (until, tuple(sorted(pending)))


def test_what_does_not_fit_ends_at_the_first_pending_record_that_is_left_out() -> None:
    pending = [number * number for number in range(5000)]
    text = pack_final(0, pending, 30_000_000)
    until, kept = unpack_final(0, text)
    assert len(text) <= MOST_FINAL_BYTES
    assert list(kept) == pending[: len(kept)]
    assert until == pending[len(kept)]
    assert len(kept) > 1000


def test_with_the_most_that_is_final_a_note_fits_into_what_kafka_takes() -> None:
    note = NOTE._replace(source="t" * 249 + "@" + "i" * 22, final="f" * MOST_FINAL_BYTES)
    assert len(note.text().encode()) < 4096
    assert read_note(note.text()) == note


@pytest.mark.parametrize("metadata", [None, "", "text", "[]", "[2,1]", "{}", '[1,"a"]', "7"])
def test_metadata_of_others_is_no_note(metadata: str | None) -> None:
    assert read_note(metadata) is None


def test_of_records_above_the_groups_offset_only_the_pending_ones_do_more_than_teach() -> None:
    warm_up = WarmUp()
    warm_up.begin_final("events", 0, 14, (10, 12))
    lessons, others = warm_up.split(Record(b"", None, "events", 0, each, 0) for each in range(10, 16))
    assert [each.offset for each in lessons] == [11, 13]
    assert [each.offset for each in others] == [10, 12, 14, 15]


def test_a_state_refuses_a_group_that_is_further_than_it_has_let_it_be(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "events", has_position=False)
    kept.refuse_older(0, 1000, NOTE)  # a new directory knows nothing, and begins where the group is
    kept.remember(Origin("topic-id", "events"))
    kept.will_commit({0: 10})
    again = Kept(tmp_path, "events", has_position=True)
    assert again.origin == Origin("topic-id", "events")
    ours = NOTE._replace(state=again.state)
    again.refuse_older(0, 10, ours)
    with pytest.raises(KafkaSetupError, match="let it have 10: it is an older copy"):
        again.refuse_older(0, 11, ours)
    with pytest.raises(KafkaSetupError, match="moved on to 5 by another state directory"):
        again.refuse_older(0, 5, NOTE)


def test_a_file_that_is_not_as_it_was_written_is_refused(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "events", has_position=False)
    kept.remember(Origin("topic-id", "events"))
    kept.will_commit({0: 10})
    file = tmp_path / "source.json"
    whole = file.read_bytes()
    damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
    for content in [*damaged, b"", whole[:-1], bytes(len(whole))]:
        file.write_bytes(content)
        with pytest.raises(KafkaSetupError, match=r"source\.json is damaged"):
            Kept(tmp_path, "events", has_position=True)


class Told:
    """A claim on a partition of which records are read and become final."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger(["one"], 1_000_000)
        self.claim = Claim(Kept(directory, "t", has_position=False), self.ledger.pending_offsets)

    def read(self, first: int, until: int) -> None:
        self.ledger.open_all([Position("t", 0, offset) for offset in range(first, until)])

    def end(self, *offsets: int) -> None:
        for offset in offsets:
            self.ledger.filtered(Position("t", 0, offset), 0, FilterReason.NOT_SELECTED)

    def commit(self) -> None:
        self.claim.note("t", 0, self.ledger.watermark("t", 0) or 0, is_open=True)
        self.claim.acknowledged(0)


def test_what_would_be_sent_again_is_what_the_commit_does_not_tell(tmp_path: Path) -> None:
    told = Told(tmp_path)
    assert told.claim.sent_again() == {}
    told.read(0, 100)
    told.end(*range(10), 50, 51)
    told.commit()
    assert told.claim.sent_again() == {0: 0}
    told.end(10, 60)
    told.read(100, 110)
    told.end(105)
    assert told.claim.sent_again() == {0: 3}
    told.claim.note("t", 0, 11, is_open=True)
    assert told.claim.sent_again() == {0: 3}, "Kafka has not taken the commit yet"
    told.claim.acknowledged(0)
    assert told.claim.sent_again() == {0: 0}


def test_what_a_note_has_no_room_for_would_be_sent_again(tmp_path: Path) -> None:
    """Every second record waits, at uneven distances: a note of 3,000 bytes names a part of them."""
    told = Told(tmp_path)
    told.read(0, 60_000)
    waits = set(Random(7).sample(range(60_000), 30_000))
    told.end(*(offset for offset in range(60_000) if offset not in waits))
    offset = min(waits)
    text = told.claim.note("t", 0, offset, is_open=True)
    told.claim.acknowledged(0)
    note = read_note(text)
    assert note is not None
    known = unpack_final(offset, note.final)
    expected = {each for each in range(known.until, 60_000) if each not in waits}
    assert told.claim.sent_again() == {0: len(expected)}
    assert expected


def test_a_partition_beyond_those_that_the_group_was_told_of_was_added_since(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "t", has_position=True)
    kept.remember(Origin("id", "t"))
    assert not any(map(kept.is_added, range(4)))  # a first start, which has told nothing yet
    kept.will_commit({0: 5, 2: 7})
    again = Kept(tmp_path, "t", has_position=True)
    assert [each for each in range(5) if again.is_added(each)] == [3, 4]
    again.remember(Origin("another id", "t@another id"))
    assert not any(map(again.is_added, range(4)))
