"""The brake: a bad deploy must not empty a topic into the dead letters."""

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.brake import COUNTED, Brake
from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason
from flows.domain.foreign import is_foreign
from flows.domain.ledger import Ledger


@given(
    refusals=st.lists(st.booleans(), max_size=80),
    events=st.integers(1, 20),
    share=st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]),
)
def test_it_is_on_once_more_than_the_share_of_the_last_events_was_refused(
    refusals: list[bool], events: int, share: float
) -> None:
    """It looks at exactly the last `events`, goes on above the share, and stays on."""
    told: list[tuple[int, int]] = []
    brake = Brake(share, events, lambda refused, of: told.append((refused, of)))
    expected = False
    for place, refused in enumerate(refusals, start=1):
        if refused:
            brake.dead_lettered(DeadLetterReason.REJECTED)
        else:
            brake.delivered()
        if place >= events:
            expected = expected or sum(refusals[place - events : place]) > share * events
        assert brake.is_on == expected
        assert [of for _, of in told] == [events] * expected
        assert all(refused > share * events for refused, _ in told)


def test_only_what_a_bad_deploy_causes_counts() -> None:
    """Events without an AppsFlyer id, exhausted retries and parked credentials never put it on."""
    brake = Brake(0.0, 1)
    for reason in DeadLetterReason:
        if reason not in COUNTED:
            brake.dead_lettered(reason)
    assert not brake.is_on


def test_the_ledger_gives_no_room_while_it_is_on() -> None:
    """Nothing more is read."""
    ledger = Ledger(["one"], 100, Brake(0.5, 2))
    for offset in range(2):
        ledger.open_all([Position("topic", 0, offset)])
        ledger.dead_lettered(Position("topic", 0, offset), 0, 0, DeadLetterReason.REJECTED)
    assert ledger.room() == 0


def test_foreign_records_of_a_topic_are_no_reason_to_stop() -> None:
    """Others write to the topic, too: what never was an event says nothing about the app or the settings."""
    ledger = Ledger(["one"], 100, Brake(0.0, 1))
    ledger.open_all((), [Position("topic", 0, 0)])
    ledger.dead_lettered(Position("topic", 0, 0), None, 0, DeadLetterReason.UNDECODABLE, is_foreign=True)
    assert not ledger.brake.is_on
    assert ledger.refused == {DeadLetterReason.UNDECODABLE: 1}
    assert all(map(is_foreign, (b"", b"\x00\x01avro", b'{"order": 5}')))
    assert not is_foreign(b'{"event_type": "Buy", "user_')
