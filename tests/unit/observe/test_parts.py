"""The parts of a process, as metrics, health and status see them: nobody assigns to the view."""

from dataclasses import FrozenInstanceError, fields

import pytest

from flows.observe.in_force import InForce
from flows.observe.parts import Parts
from tests.fixtures.process import MakeProcess
from tests.fixtures.settings import sync_table


def test_nothing_can_be_assigned(make_process: MakeProcess) -> None:
    """Neither a part, nor what is looked up in one."""
    parts = make_process(sync_table("one")).parts
    for name in [*(each.name for each in fields(Parts)), "settings", "source", "sender", "sink", "dead_letter_queue"]:
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(parts, name, None)


def test_what_is_made_later_is_seen(make_process: MakeProcess) -> None:
    process = make_process(sync_table("one"))
    assert (process.parts.sender, process.parts.sink, process.parts.source) == (None, None, None)
    sink = process.delivering.open_sink()
    assert process.parts.sink is sink
    assert process.parts.sender is not None
    sink.drain.close()
    process.journal.close()


def test_the_hash_is_that_of_the_settings_that_were_taken(make_process: MakeProcess) -> None:
    """Until they are read again it stays, whatever becomes of their file."""
    settings = make_process(sync_table("one")).settings
    in_force = InForce(settings)
    before = in_force.sha256
    settings.path.write_text(settings.path.read_text() + "# more\n")
    assert in_force.sha256 == before
    in_force.take(settings)
    assert in_force.sha256 not in {"", before}
    settings.path.unlink()
    in_force.take(settings)
    assert in_force.sha256 == ""
