"""What Amplitude's clients do with an answer, by their own rules: why the collector answers as it does."""

from pathlib import Path

import pytest

from tests.fixtures.clients import Clients
from tests.fixtures.scripted_collector import ScriptedCollector, scripted_collector
from tests.tools.clients.known import CLIENTS, Client
from tests.tools.clients.plan import Plan

ORDERS = 3
EXPECTED: dict[tuple[str, int | None], int] = {
    ("$identify", None): 2,
    ("revenue_amount", None): 1,
    ("$groupidentify", None): 1,
    **{("Order Completed", number): 1 for number in range(ORDERS)},
}


def plan_for(client: Client, collector: ScriptedCollector, *, tls: bool) -> Plan:
    return Plan(
        url=f"{'https' if tls else 'http'}://127.0.0.1:{collector.port}/2/httpapi",
        user_id=f"user-{client}",
        device_id=f"device-{client}",
        appsflyer_id="1700000000000-1234567",
        api_key="0123456789abcdef0123456789abcdef",
        orders=ORDERS,
    )


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_an_event_that_was_taken_is_not_sent_again(client: Client, clients: Clients, tmp_path: Path) -> None:
    """After the success answer, whose form each client reads, every event was sent once, and reported as sent."""
    tls = client.tls
    with scripted_collector(tls=tmp_path / "tls" if tls else None) as collector:
        sending = clients.start(client, plan_for(client, collector, tls=tls))
        reports = sending.wait()
        assert collector.taken == EXPECTED, sending.text
    assert {each.code for each in reports} == {200}
