"""What Amplitude's clients do with an answer, by their own rules: why the collector answers as it does."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clients import Clients, Sending
from tests.fixtures.scripted_collector import Answer, Script, ScriptedCollector, Upload, accepted, scripted_collector
from tests.tools.clients.known import BY_NAME, Client
from tests.tools.clients.plan import Plan

ORDERS = 3
ONCE: dict[tuple[str, int | None], int] = {
    ("$identify", None): 2,
    ("revenue_amount", None): 1,
    ("$groupidentify", None): 1,
    **{("Order Completed", number): 1 for number in range(ORDERS)},
}


class Rig:
    """A client and the stand-in that it sends to."""

    def __init__(self, clients: Clients, tls: Path, stack: ExitStack) -> None:
        self._clients, self._tls, self._stack = clients, tls, stack

    def start(self, client: Client, script: Script, **more: Any) -> tuple[Sending, ScriptedCollector]:
        """Let a client send to a collector that answers by a script."""
        collector = self._stack.enter_context(scripted_collector(script, self._tls if client.tls else None))
        plan = Plan(
            url=f"{'https' if client.tls else 'http'}://127.0.0.1:{collector.port}/2/httpapi",
            user_id=f"user-{client}",
            device_id=f"device-{client}",
            appsflyer_id="1700000000000-1234567",
            api_key="0123456789abcdef0123456789abcdef",
            orders=ORDERS,
            **more,
        )
        return self._clients.start(client, plan), collector


@pytest.fixture
def rig(clients: Clients, tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(clients, tmp_path / "tls", stack)
        clients.stop()


def refused_with_indexes(upload: Upload) -> Answer:
    """Answer that every event lacks its type: what no client sends again."""
    missing = {"event_type": list(range(len(upload.events)))}
    error = {"code": 400, "error": "Request missing required field", "missing_field": "events"}
    return 400, {**error, "events_with_missing_fields": missing}


def refused_without_indexes(_upload: Upload) -> Answer:
    return 400, {"code": 400, "error": "Invalid JSON request body"}


def sent(collector: ScriptedCollector) -> Counter[tuple[str, int | None]]:
    """Return how often each event was sent, whatever the answer."""
    everything = ScriptedCollector(uploads=collector.uploads, answers=[200] * len(collector.uploads))
    return everything.taken


@pytest.mark.parametrize("name", ["python", "node", "go", "java", "kotlin", "browser-fetch"])
def test_a_refusal_that_names_every_event_is_final(name: str, rig: Rig) -> None:
    """Each client gives all of them up at once: a body that cannot be read comes once, and not for hours."""
    sending, collector = rig.start(BY_NAME[name], refused_with_indexes)
    reports = sending.wait()
    assert sent(collector) == ONCE, sending.text
    assert {each.code for each in reports} == {400}


def test_a_refusal_that_names_no_event_makes_go_ask_without_pause(rig: Rig) -> None:
    """Over a hundred requests in a second, from one client: no answer may be of that kind."""
    sending, collector = rig.start(BY_NAME["go"], refused_without_indexes, patience_s=10)
    collector.wait_for_uploads(300)
    sending.stop()
    assert collector.uploads[299].at_s - collector.uploads[0].at_s < 3


@pytest.mark.parametrize("name", ["node", "browser-fetch"])
def test_a_success_that_is_not_amplitudes_makes_copies(name: str, rig: Rig) -> None:
    """An empty object under 200 is no success for these: they send the same events again."""
    sending, collector = rig.start(BY_NAME[name], lambda _upload: (200, {}))
    collector.wait_for_uploads(3)
    copies = sent(collector)
    assert all(copies[each] >= 3 * times for each, times in ONCE.items()), sending.text


def test_what_a_page_could_not_send_is_sent_at_the_next_visit(rig: Rig) -> None:
    """It is in the page's storage, so an outage loses it only for those who do not come again."""
    sendings: list[Sending] = []

    def script(upload: Upload) -> Answer:
        page = sendings[0].page if sendings else None
        if page is None or page.loads < 2:
            return 503, {"code": 503, "error": "Service unavailable"}
        return accepted(upload)

    sending, collector = rig.start(BY_NAME["browser-fetch"], script, reloads=True)
    sendings.append(sending)
    collector.wait_until(lambda: collector.taken == ONCE)
