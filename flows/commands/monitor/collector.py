"""What a collector takes in, in a few lines for people."""

from rich.text import Text

from connectors.clock import now_ms
from flows.commands.monitor.lines import Lines
from flows.operations.collector_facts import collector_facts
from flows.operations.monitor import SliceAnswer, printable


def collector_lines(answer: SliceAnswer) -> Lines:
    """Return what it has taken in and what waits; before that, what is wrong with it."""
    facts = collector_facts(answer, now_ms())
    style = "yellow" if answer.status is None else "bold red"
    said = [Text(printable(each), style) for each in facts.troubles]
    if facts.taken:
        said.append(Text(printable(facts.taken)))
    if facts.copies:
        said.append(Text(printable(facts.copies), "yellow" if facts.loses_copies else ""))
    return Lines([("collector", each) for each in said])
