"""What Amplitude's clients send reaches AppsFlyer and, as they sent it, Amplitude: one address serves both."""

from collections import Counter

import pytest

from tests.fixtures.collecting import ORDER, Collecting
from tests.fixtures.scripted_collector import scripted_collector
from tests.tools.clients.known import BY_NAME, Client

NAMES = ("python", "kotlin-gzip", "browser-fetch", "legacy-browser")
"""JSON, gzip, another origin, and a form."""


@pytest.mark.parametrize("client", [BY_NAME[each] for each in NAMES], ids=str)
def test_each_event_arrives_at_both_once(collecting: Collecting, client: Client) -> None:
    with scripted_collector() as amplitude:
        collecting.take_orders(tls=client.tls, tee={"endpoint": f"http://127.0.0.1:{amplitude.port}"})
        run = collecting.start()
        sent = collecting.send(client, orders=3)
        reports = sent.sending.wait()
        collecting.await_arrival(sent, orders=3)
        collecting.wait_until(lambda: {number for name, number in amplitude.taken if name == ORDER} == {0, 1, 2})
        assert run.stop() == 0
        assert {count for (name, _), count in amplitude.taken.items() if name == ORDER} == {1}
        assert {each.headers["X-Forwarded-For"] for each in amplitude.uploads} == {"127.0.0.1"}
    assert collecting.orders(sent) == Counter(range(3))
    assert {each.code for each in reports} == {200}
