"""Where an identifier was read from: what the reader says, and the path that says it by itself."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifier_paths import IdentifierPaths
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import CANONICAL, DEFAULT_PATHS, WITHOUT

READER = IdentifierReader(DEFAULT_PATHS)
PATHS = IdentifierPaths(DEFAULT_PATHS)
NAMES = sorted({path.rpartition(".")[2] for paths in DEFAULT_PATHS.values() for path in paths})
VALUES = st.sampled_from(
    (
        "1700000000000-1234567",
        "9C6E1C4B-1F0B-4A8A-8E4F-0C2D4F2B9A11",
        "00000000-0000-0000-0000-000000000000",
        "authorized",
        "nonsense",
        3,
        None,
    )
)
PROPERTIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)


def event(**fields: Any) -> Event:
    given = {"event_type": "e", "user_id": "u", "time": 1_700_000_000_000, **fields}
    (found,) = decode(Record(orjson.dumps(given), None, "t", 0, 0, 0))
    assert isinstance(found, Event)
    return found


@given(PROPERTIES, PROPERTIES, st.none() | PROPERTIES)
def test_everything_that_is_told_has_a_path_that_tells_it(
    user: dict[str, Any], own: dict[str, Any], once: dict[str, Any] | None
) -> None:
    properties = user if once is None else {"$set": user, "$setOnce": once}
    told = event(user_properties=properties, event_properties=own)
    reading = READER.read(told)
    found = PATHS.of(told, reading)
    assert found.keys() == reading.told.keys()
    for name, path in found.items():
        assert path in DEFAULT_PATHS[name]
        assert IdentifierReader({name: (path,)}).read(told).told == {name: reading.told[name]}


def test_of_several_paths_the_first_with_a_real_value_is_named() -> None:
    told = event(
        user_properties={"gaid": "nonsense", "adid": "9c6e1c4b-1f0b-4a8a-8e4f-0c2d4f2b9a11"},
        adid="11111111-1f0b-4a8a-8e4f-0c2d4f2b9a11",
    )
    assert PATHS.of(told, READER.read(told)) == {"advertising_id": "user_properties.adid"}


def test_what_the_absence_costs_is_said_of_every_identifier() -> None:
    assert WITHOUT.keys() == CANONICAL.keys() == DEFAULT_PATHS.keys()
