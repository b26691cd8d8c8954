"""A limit that leaves a slice without a request per second: refused at the start, with the key and what to do."""

from pathlib import Path

import pytest

from flows.domain.slice import Slice
from flows.runtime.obstacles import obstacles
from flows.settings.file import parse

PATH = Path("/nowhere/stream.toml")


TEXT = """\
[source]
kind = "kafka"
bootstrap_servers = "127.0.0.1:9092"
topic = "events"

[dead_letters]
kind = "kafka"
topic = "dead-letters"

[delivery]
max_requests_per_second = LIMIT

[[sync]]
name = "one"
ios_app_id = "id1"
s2s_key = "env:KEY"
[[sync.event]]
name = "Order"
"""


def too_few(limit: float, slices: int) -> list[str]:
    settings = parse(TEXT.replace("LIMIT", str(limit)), PATH)
    return [each for each in obstacles(settings, PATH, Slice(0, slices)) if "max_requests_per_second" in each]


@pytest.mark.parametrize(("limit", "slices"), [(0.0, 8), (3.0, 3), (3.9, 3), (0.5, 1)])
def test_a_limit_that_each_slice_has_a_part_of_starts(limit: float, slices: int) -> None:
    assert too_few(limit, slices) == []


@pytest.mark.parametrize(("limit", "slices"), [(2.9, 3), (0.5, 2), (1.0, 8)])
def test_one_that_some_slice_has_no_part_of_is_refused(limit: float, slices: int) -> None:
    (problem,) = too_few(limit, slices)
    assert problem == (
        f"{PATH}: delivery.max_requests_per_second: {limit:g} cannot be divided among {slices} slices; expected at "
        "least 1 for each; raise it, or start fewer slices"
    )
