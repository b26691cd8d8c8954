"""The sandbox's record: counts, memory, lines and page."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.sandbox.page import page
from connectors.appsflyer.sandbox.recorder import Arrival, Recorder
from connectors.appsflyer.sandbox.tally import Bodies, SandboxTally

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=10,
)

ARRIVAL = Arrival(
    0.0, "id1", 200, recorded=True, notes=(), fault=None, attempt=1, body=b"{}", is_json=True, event_value=None
)


def test_a_body_accepted_twice_is_one_duplicate_however_often_it_comes() -> None:
    bodies = Bodies(None)
    assert [bodies.arrived(1), bodies.arrived(2), bodies.arrived(1), bodies.arrived(1)] == [1, 1, 2, 3]
    for key in (1, 2, 1, 1):
        bodies.accepted(key)
    assert (bodies.unique, bodies.accepted_unique, bodies.accepted_twice) == (2, 2, 1)


def test_memory_for_bodies_and_names_is_bounded_where_it_is_to_be() -> None:
    tally = SandboxTally(remember_bodies=10)
    for number in range(3000):
        tally.bodies.arrived(number)
        tally.bodies.accepted(number)
        tally.count(status=200, recorded=True, app_id=str(number), notes=(), fault=None)
    assert len(tally.bodies._attempts) == 10
    assert len(tally.bodies._accepted) <= 10
    assert len(tally.summary()["by_app"]) == 1001
    assert sum(tally.summary()["by_app"].values()) == tally.summary()["unique_bodies"] == 3000


def test_requests_since_a_number_are_those_above_it() -> None:
    recorder = Recorder(None, 3, lambda flush: flush())
    for _ in range(5):
        recorder.add(ARRIVAL, 1)

    def numbers(since: int) -> list[int]:
        return [each["number"] for each in orjson.loads(recorder.requests(since))]

    assert [numbers(0), numbers(3), numbers(5), numbers(9)] == [[3, 4, 5], [4, 5], [], []]
    assert [each["number"] for each in recorder.newest(2)] == [5, 4]


@given(body=JSON, value=st.dictionaries(st.text(max_size=9), JSON, max_size=3))
def test_a_line_holds_the_body_and_its_event_value_whatever_they_are(body: Any, value: dict[str, Any]) -> None:
    pretty = orjson.dumps({"x": body}, option=orjson.OPT_INDENT_2)
    recorder = Recorder(None, 1, lambda flush: flush())
    recorder.add(ARRIVAL._replace(body=pretty, event_value=orjson.dumps(value).decode()), 1)
    (request,) = recorder.newest(1)
    assert (request["body"], request["event_value"]) == (orjson.loads(pretty), value)
    assert b"\n" not in recorder.requests()


def test_what_is_no_json_is_recorded_as_text_of_bounded_length() -> None:
    recorder = Recorder(None, 1, lambda flush: flush())
    recorder.add(ARRIVAL._replace(body=b"\xff\n" * 9999, is_json=False), 1)
    (request,) = recorder.newest(1)
    assert request["body"] is None
    assert request["text"] == "\ufffd\n" * 1000


def test_the_page_escapes_everything_that_came_from_outside() -> None:
    evil = '"><script>alert(1)</script>'
    recorder = Recorder(None, 1, lambda flush: flush())
    body = {"eventName": evil, "eventCurrency": evil, "customer_user_id": evil, "idfa": {evil: evil}}
    recorder.add(
        ARRIVAL._replace(app_id=evil, body=orjson.dumps(body), event_value=orjson.dumps({"af_revenue": evil}).decode()),
        1,
    )
    html = page(recorder.summary(), recorder.newest(1), keeps_requests=True)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
