"""How a flow's process ends: what was asked for while it started, what was refused, and what came after the engine."""

import atexit
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from connectors.ports import SetupError
from connectors.shutdown import Shutdown
from flows.refusal import Refusal
from flows.runtime.lifecycle import Lifecycle
from tests.docs.markdown import ROOT

Steps = list[Callable[[], object]]


class Flow:
    """A flow without parts, which notes what the lifecycle asks of it."""

    is_drained = True

    def __init__(self, connect: Callable[[], bool]) -> None:
        self.shutdown = Shutdown()
        self.is_closed = False
        self.connect = connect
        self.asked: list[str] = []

    def close(self) -> None:
        self.is_closed = True
        self.asked.append("close")

    def ended(self, *, has_failed: bool) -> int:
        assert not has_failed
        self.asked.append("ended")
        return 0


@pytest.fixture
def at_exit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Return what is to be done at the exit of this process, which nobody does but the test."""
    steps: Steps = []
    monkeypatch.setattr(atexit, "register", steps.append)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield steps
    for each, handler in before.items():
        signal.signal(each, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, before)


def _missing() -> bool:
    raise SetupError("topic 'events' is missing; make it")


def _damaged() -> bool:
    raise Refusal("the state is damaged")


@pytest.mark.parametrize(
    ("connect", "code", "asked"),
    [
        (lambda: True, None, ["close", "ended"]),  # the engine opened no sink, for nothing came to it
        (lambda: False, 0, ["close", "ended"]),
        (_missing, 2, ["ended"]),
        (_damaged, 2, ["ended"]),
    ],
)
def test_a_flow_that_is_asked_to_stop_while_it_starts_tells_its_summary_only_where_it_could_have_started(
    at_exit: Steps, connect: Callable[[], bool], code: int | None, asked: list[str]
) -> None:
    flow = Flow(connect)
    lifecycle = Lifecycle(flow)
    signal.raise_signal(signal.SIGTERM)
    assert flow.shutdown.requested
    ended: int | None = None
    with capture_logs() as logs:
        try:
            lifecycle.connect()
        except SystemExit as end:
            ended = end.code if isinstance(end.code, int) else None
        except Refusal as refusal:
            ended = refusal.code
    assert ended == code
    assert [each["event"] for each in logs] == (["stopped while waiting for Kafka"] if code == 0 else [])
    for step in reversed(at_exit):
        step()
    assert flow.asked == asked


ENDINGS = re.compile(r"os\._exit\(|os\.exec|sys\.exit\(|raise SystemExit|^import atexit", re.MULTILINE)
MAY_END = {
    "flows/runtime/lifecycle.py": "every flow, once",
    "flows/runtime/signals.py": "before anything has started, and where a second signal asks for it",
    "flows/runtime/early.py": "where a flow is refused",
    "flows/runtime/collector/supervised.py": "a child, before it becomes what it is for",
    "flows/__main__.py": "a command",
}


def test_only_the_lifecycle_ends_the_process_or_becomes_another() -> None:
    """Elsewhere a failure is raised, so that whoever calls can say what it means and tidy up."""
    files = [each for root in ("flows", "connectors") for each in (ROOT / root).rglob("*.py")]
    found = {str(each.relative_to(ROOT)) for each in files if ENDINGS.search(each.read_text(encoding="utf-8"))}
    assert found == set(MAY_END)
