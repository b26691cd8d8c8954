from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.damage import DamagedError
from connectors.files.lines import split_lines
from connectors.files.natural import natural_key

CHUNKS = st.lists(st.text("a\n\r", min_size=1, max_size=9).map(str.encode), max_size=20)


def reader(chunks: list[bytes], failure: DamagedError | None = None) -> Callable[[int], bytes]:
    left = iter(chunks)

    def read(_size: int) -> bytes:
        chunk = next(left, b"")
        if not chunk and failure is not None:
            raise failure
        return chunk

    return read


@given(CHUNKS)
def test_lines_joined_are_the_stream_however_it_is_cut_into_chunks(chunks: list[bytes]) -> None:
    lines = [line for line in split_lines(reader(chunks)) if line]
    assert b"".join(lines) == b"".join(chunks)
    assert all(line.index(b"\n") == len(line) - 1 for line in lines[:-1])


@given(CHUNKS)
def test_damage_is_raised_after_everything_before_it(chunks: list[bytes]) -> None:
    lines: list[bytes] = []
    with pytest.raises(DamagedError, match="cut off"):
        lines.extend(split_lines(reader(chunks, DamagedError("cut off"))))
    # extend() keeps what it got before the failure
    assert b"".join(lines) == b"".join(chunks)


@given(CHUNKS, st.integers(1, 7))
def test_a_long_line_keeps_its_beginning_and_costs_no_other_line(chunks: list[bytes], max_bytes: int) -> None:
    lines = [line for line in split_lines(reader(chunks), max_bytes) if line]
    whole = b"".join(chunks).split(b"\n")
    if not whole[-1]:
        whole.pop()
    assert [line.removesuffix(b"\n") for line in lines] == [line[:max_bytes] for line in whole]


def test_a_line_of_a_gigabyte_is_gone_through_step_by_step_and_without_keeping_it() -> None:
    steps = list(split_lines(reader([b"x" * 1000] * 1000 + [b"\n"]), max_line_bytes=100))
    assert steps == [b""] * 1000 + [b"x" * 100 + b"\n"]


def test_natural_order_takes_numbers_as_numbers() -> None:
    names = ["app_2024-01-01_10#0.json.gz", "app_2024-01-01_9#1.json.gz", "app_2024-01-01_9#0.json.gz", "a", "app_2023"]
    assert sorted(names, key=natural_key) == ["a", "app_2023", *reversed(names[:3])]


@given(st.lists(st.text("a0129_", max_size=6), max_size=8))
def test_natural_order_tells_all_names_apart(names: list[str]) -> None:
    assert len({natural_key(name) for name in names}) == len(set(names))


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_natural_order_of_numbers_is_theirs(one: int, other: int) -> None:
    assert (natural_key(f"x{one}y") < natural_key(f"x{other}y")) == (one < other)
