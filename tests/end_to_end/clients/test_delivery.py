"""What Amplitude's clients send reaches AppsFlyer, once and with the right body."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.fixtures.collecting import PURCHASE, Collecting, collecting_in
from tests.tools.clients.known import BY_NAME, CLIENTS, Client


def _served(factory: pytest.TempPathFactory, *, tls: bool) -> Iterator[Collecting]:
    with collecting_in(factory.mktemp("served")) as made:
        made.take_orders(tls=tls)
        run = made.start()
        yield made
        assert run.stop() == 0, run.log


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    """Return a collector that runs, for pages of another origin."""
    yield from _served(tmp_path_factory, tls=False)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    """Return a collector that runs, and speaks TLS."""
    yield from _served(tmp_path_factory, tls=True)


@pytest.fixture
def served(request: pytest.FixtureRequest, client: Client) -> Collecting:
    """Return the collector that a client can speak with; it is there for all clients."""
    made: Collecting = request.getfixturevalue("encrypted" if client.tls else "plain")
    return made


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_each_event_arrives_once(served: Collecting, client: Client) -> None:
    """With the user, the AppsFlyer id, the revenue and the time of the client; and the client reports success."""
    sent = served.send(client, orders=3)
    reports = sent.sending.wait()
    served.await_arrival(sent, orders=3)
    assert served.orders(sent) == Counter(range(3))
    assert len(served.bodies(sent, PURCHASE)) == 1
    served.judge(sent)
    assert {each.code for each in reports} == {200}
    assert not served.letters(sent)


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.settings == {}], ids=str)
def test_an_invalid_event_costs_no_other(served: Collecting, client: Client) -> None:
    """It becomes a dead letter with its reason; the client is told that all was taken, and sends nothing again."""
    sent = served.send(client, orders=3, invalid_order=1)
    reports = sent.sending.wait()
    served.await_arrival(sent, orders=2)
    assert served.orders(sent) == Counter([0, 2])
    assert served.letters(sent) == {"invalid_event": 1}
    assert {each.code for each in reports} == {200}


def test_a_page_that_is_left_sends_what_it_still_has(plain: Collecting) -> None:
    """As a beacon, where the page asks for it as Amplitude's documentation says; it is JSON that is said to be text."""
    sent = plain.send(BY_NAME["browser-fetch"], orders=3, flush_ms=60_000, leaves=True)
    plain.await_arrival(sent, orders=3)
    sent.sending.stop()
    assert plain.orders(sent) == Counter(range(3))
    assert len(plain.bodies(sent, PURCHASE)) == 1
