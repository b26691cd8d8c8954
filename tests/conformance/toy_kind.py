"""A kind of source that the product does not have: what would be its folder, and its row.

python -m tests.conformance.toy_kind check    as `python -m flows check`
python -m tests.conformance.toy_kind stream   the stream, sending nothing
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

import orjson
from bytewax.testing import run_main

from connectors import kinds
from connectors.delivery.engines import open as engines
from connectors.delivery.engines.in_memory import InMemoryEngine
from connectors.form import Form
from connectors.memory.kind import SourceInMemory
from connectors.memory.settings import MemorySource
from connectors.memory.source import MemoryInput
from connectors.opening import Opening
from connectors.ports import SetupError
from connectors.table import Broken, Draft, Table
from connectors.values import whole


class ToySettings(MemorySource):
    """`[source] kind = "toy"`."""

    kind: ClassVar[str] = "toy"


class ToyTable(Table):
    """Events are made up."""

    kind: Literal["toy"]
    """A toy."""
    event_count: Annotated[int, whole(1, 100)]
    """How many."""

    def settings(self, base: Path) -> ToySettings:
        """Return them."""
        del base
        return ToySettings([_event(number) for number in range(self.event_count)])


def _event(number: int) -> bytes:
    properties = {"appsflyer_id": "1700000000000-1234567"}
    event = {"event_type": "toy", "user_id": f"u{number}", "time": 1_700_000_000_000 + number, "platform": "iOS"}
    return orjson.dumps({**event, "insert_id": str(number), "user_properties": properties})


class ToySource(SourceInMemory):
    """Implements `Source`."""

    def open(self, opening: Opening) -> MemoryInput:
        """Refuse twelve."""
        if len(self._settings.values) == 12:
            raise SetupError("source.event_count: nobody makes up twelve; write another")
        return super().open(opening)


def _thirteen_is_none(draft: Draft) -> Iterator[Broken]:
    if draft.table("source").get("event_count") == 13:
        yield ("source", "event_count"), "found 13; expected luck; write another"


SOURCE = Form(ToyTable, ("event_count",), "tests.conformance.toy_kind:ToySource", _thirteen_is_none)


def _add_row() -> None:
    cast("dict[str, Form]", kinds.SOURCES)["toy"] = SOURCE


def _stream() -> None:
    setattr(engines, "open_engine", lambda _: InMemoryEngine())  # noqa: B010 - of another type
    from flows.stream import flow  # noqa: PLC0415 - it reads the row

    run_main(flow())  # type: ignore[no-untyped-call]  # a native function


if __name__ == "__main__":
    _add_row()
    if sys.argv[1] == "stream":
        _stream()
    else:
        from flows.commands.main import main

        sys.exit(main(sys.argv[1:]))
