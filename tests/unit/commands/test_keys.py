"""Keys at a terminal: `q` ends the wait at once, others do not, and the terminal is given back as it was."""

import os
import termios
import time
from collections.abc import Iterator

import pytest

from flows.commands.monitor.keys import Keys

LONG_SECONDS = 60.0
LOCAL_MODES = 3


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Give both ends of a terminal: what is pressed, and what a program reads."""
    ends = os.openpty()
    yield ends
    for each in ends:
        os.close(each)


@pytest.mark.parametrize("pressed", [b"q", b"Q", b"\x04", b"xyq"])
def test_a_key_that_quits_ends_the_wait(terminal: tuple[int, int], pressed: bytes) -> None:
    person, program = terminal
    began = time.monotonic()
    with Keys(program) as keys:
        os.write(person, pressed)
        assert keys.is_quit_within(LONG_SECONDS)
    assert time.monotonic() - began < LONG_SECONDS


def test_what_was_pressed_before_counts(terminal: tuple[int, int]) -> None:
    person, program = terminal
    os.write(person, b"q")
    with Keys(program) as keys:
        assert keys.is_quit_within(LONG_SECONDS)


def test_other_keys_do_not_end_it(terminal: tuple[int, int]) -> None:
    person, program = terminal
    with Keys(program) as keys:
        os.write(person, b"x\x1b[A")
        assert not keys.is_quit_within(0.01)


def test_the_terminal_is_given_back_as_it_was(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program)
    with Keys(program):
        assert not termios.tcgetattr(program)[LOCAL_MODES] & termios.ICANON
    assert termios.tcgetattr(program) == before


def test_what_is_no_terminal_has_no_keys() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"q")
    with Keys(reading) as keys:
        assert not keys.is_quit_within(0.0)
    os.close(reading)
    os.close(writing)
