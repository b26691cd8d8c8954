"""Webhook bodies: one or many, as an object, an array or lines; what is no JSON is kept in its place."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.upload import UnreadablePart
from connectors.collector.webhook import is_known, webhook_events

_EVENTS = st.builds(
    lambda name, more: {"event_type": name, **more},
    st.text(min_size=1, max_size=5),
    st.dictionaries(st.sampled_from(["user_id", "$insert_id"]), st.text(max_size=5)),
)


@given(st.lists(_EVENTS, min_size=1, max_size=5))
def test_every_packing_holds_the_same_events(events: list[dict[str, Any]]) -> None:
    """An array, lines, an upload body; and one event alone."""
    packings = [orjson.dumps(events), b"\n".join(map(orjson.dumps, events)), orjson.dumps({"events": events})]
    assert [webhook_events(packing) for packing in packings] == [events] * 3
    assert webhook_events(orjson.dumps(events[0])) == events[:1]


def test_users_become_the_event_of_the_sdks() -> None:
    """In the Identify API's format, or within its body; a group's own properties belong to no user."""
    user = {"user_id": "user-1", "user_properties": {"plan": "pro"}}
    group = {"group_type": "org", "group_value": "acme", "group_properties": {"seats": "5"}}
    expected = [{**user, "event_type": "$identify"}]
    assert webhook_events(orjson.dumps(user)) == expected
    assert webhook_events(orjson.dumps({"identification": [user, group]})) == expected
    assert webhook_events(orjson.dumps({"identification": "no json"})) == [{"identification": "no json"}]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"", []),
        (b" \n ", []),
        (b"not\njson", [UnreadablePart(b"not\njson")]),
        (b'{"event_type":"a"}\r\n\r\n{"event', [{"event_type": "a"}, UnreadablePart(b'{"event')]),
    ],
)
def test_what_is_no_json_is_kept(body: bytes, events: list[Any]) -> None:
    """A body of which no line is JSON is one part, not as many as it has lines."""
    assert webhook_events(body) == events


def test_one_of_several_tokens_is_enough_and_no_other_text_is() -> None:
    """An empty one as little as a longer one."""
    tokens = frozenset({"first-token", "second-töken"})
    assert is_known("first-token", tokens)
    assert is_known("second-töken", tokens)
    for token in ("", "first-toke", "first-token2", "other"):
        assert not is_known(token, tokens)
    assert not is_known("", frozenset())
