import statistics
from datetime import UTC, datetime

import orjson

from tests.tools.bench import bodies, traffic

LAST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    shape = traffic.Shape(50, users=10)
    assert list(traffic.messages(shape, LAST)) == list(traffic.messages(shape, LAST))
    assert list(traffic.messages(shape, LAST)) != list(traffic.messages(shape._replace(seed=2), LAST))


def test_four_of_five_events_are_selected_and_an_event_has_some_fourteen_hundred_bytes() -> None:
    made = list(traffic.messages(traffic.Shape(20_000, users=500), LAST))
    assert abs(statistics.mean(message.is_selected for message in made) - 0.8) < 0.015
    assert 1350 < statistics.mean(len(message.value) for message in made) < 1450


def test_events_are_keyed_by_user_spread_over_all_of_them_and_end_when_they_should() -> None:
    made = list(traffic.messages(traffic.Shape(2000, users=50), LAST))
    rows = [orjson.loads(message.value) for message in made]
    assert all(message.key == row["user_id"].encode() for message, row in zip(made, rows, strict=True))
    assert len({message.key for message in made}) == 50
    assert [row["event_time"] for row in rows] == sorted(row["event_time"] for row in rows)
    assert rows[-1]["event_time"] == "2026-01-02 03:04:05.000000"
    assert len({row["$insert_id"] for row in rows}) == len(rows)


def test_every_selected_event_can_be_sent_by_whoever_remembers_nothing_and_loses_no_property_to_the_limit() -> None:
    shape = traffic.Shape(2000, users=50)
    sent = list(bodies.requests(shape, LAST))
    assert len(sent) == sum(message.is_selected for message in traffic.messages(shape, LAST))
    assert not any(note.warning.value == "trimmed_properties" for request in sent for note in request.notes)
    assert max(len(request.body) for request in sent) <= 1024
    assert len({request.body for request in sent}) == len(sent)
