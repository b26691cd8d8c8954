"""Adaptive limits against servers whose behaviour is data, in simulated time; each run of a seed is the same."""

from typing import Any, NamedTuple

import pytest

from connectors.delivery.adaptive import LOWEST, START, AdaptiveLimit
from tests.fixtures.simulated_server import Client, behaviours, shares, simulate

MOST_AT_A_TIME = 64


class Case(NamedTuple):
    """A server, and what is wanted of its client from a moment on."""

    name: str
    changes: list[tuple[float, dict[str, Any]]]
    """(second, what changes)"""
    least_used: float
    """Share of the server's capacity."""
    most_refused: float = 0.02
    seconds: int = 60
    from_second: int = 30


CASES = [
    Case("takes 10 at a time", [(0, {"concurrency": 10, "latency_ms": 100, "jitter": 0.3})], 0.85),
    Case("takes 30 at a time", [(0, {"concurrency": 30, "latency_ms": 100, "jitter": 0.3})], 0.85),
    Case("takes 30, refuses late", [(0, {"concurrency": 30, "latency_ms": 100, "refusal_ms": 100})], 0.85),
    Case("takes 200 a second", [(0, {"rate": 200, "burst": 40, "latency_ms": 80, "jitter": 0.3})], 0.85),
    Case("takes 300 a second", [(0, {"rate": 300, "burst": 60, "latency_ms": 20, "jitter": 0.3})], 0.85),
    Case("queues beyond 20", [(0, {"concurrency": 20, "concurrency_action": "defer", "latency_ms": 100})], 0.85, 0.0),
    Case("a knee at 20", [(0, {"knee_start": 20, "knee_exponent": 1.5, "latency_ms": 100, "jitter": 0.3})], 0.85, 0.0),
    Case(
        "takes 30, then 10",
        [(0, {"concurrency": 30, "latency_ms": 100, "jitter": 0.3}), (30, {"concurrency": 10})],
        0.85,
        from_second=40,
    ),
    Case(
        "takes 10, then 30",
        [(0, {"concurrency": 10, "latency_ms": 100, "jitter": 0.3}), (20, {"concurrency": 30})],
        0.85,
        seconds=90,
        from_second=60,
    ),
    Case(
        "down for 10 seconds",
        [(0, {"concurrency": 20, "latency_ms": 100}), (20, {"is_down": True}), (30, {"is_down": False})],
        0.85,
        seconds=90,
        from_second=60,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_unknown_limit_is_found_used_and_hardly_overstepped(case: Case, seed: int) -> None:
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    simulate(case.changes, [client], case.seconds, seed)
    behaviour = list(behaviours(case.changes))[-1][1]
    used, refused, _ = shares(client, behaviour, case.from_second, case.seconds)
    assert used >= case.least_used
    assert refused <= case.most_refused


@pytest.mark.parametrize("latency_ms", [50, 500, 2000])
@pytest.mark.parametrize("jitter", [0.0, 0.5])
def test_slowness_alone_is_no_reason_to_send_less(latency_ms: int, jitter: float) -> None:
    """Where nothing is refused and waiting less makes nothing faster, the ceiling is reached and kept."""
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    server = simulate([(0, {"latency_ms": latency_ms, "jitter": jitter})], [client], 90, 3)
    counts = client.between(45, 90)
    assert server.most_active <= MOST_AT_A_TIME
    assert counts.passed / 45 >= 0.85 * MOST_AT_A_TIME * 1000 / latency_ms


def test_answers_that_have_become_slow_for_good_are_taken_for_normal() -> None:
    """Sending less shows that it was not the load; then the ceiling is reached again."""
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    simulate([(0, {"latency_ms": 50, "jitter": 0.3}), (20, {"latency_ms": 500})], [client], 120, 3)
    assert client.between(90, 120).passed / 30 >= 0.85 * MOST_AT_A_TIME * 2


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_503_that_no_load_causes_do_not_lead_below_where_a_start_begins(share: float) -> None:
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    simulate([(0, {"latency_ms": 100, "jitter": 0.3, "refused_share": share})], [client], 100, 5)
    counts = client.between(60, 100)
    assert counts.passed / 40 >= 0.85 * (1 - share) * START * 10


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_retries_do_not_crawl_where_most_is_refused_whatever_the_load(share: float) -> None:
    """As in an outage by halves: eight at a time go on, as far as the circuit lets them."""
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    simulate([(0, {"latency_ms": 40, "jitter": 0.3, "refused_share": share, "refusal_ms": 40})], [client], 30, 4)
    counts = client.between(0, 30)
    assert (counts.passed + counts.refused) / 30 >= 50


@pytest.mark.parametrize("broken_ms", [5, 100, 3000])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_failures_that_say_nothing_of_the_load_do_not_slow_it_down(share: float, broken_ms: int) -> None:
    """Resets, 500, answers that never come: as much is sent as the ceiling lets go, however long these take."""
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    behaviour = {"latency_ms": 100, "jitter": 0.3, "broken_share": share, "broken_ms": broken_ms}
    simulate([(0, behaviour)], [client], 60, 6)
    passed_per_second = client.between(30, 60).passed / 30
    place_seconds = (1 - share) * 0.1 + share * broken_ms / 1000
    assert passed_per_second >= 0.85 * MOST_AT_A_TIME * (1 - share) / place_seconds


@pytest.mark.parametrize(("status", "at_a_time"), [(429, LOWEST), (503, START)])
def test_refusals_by_chance_and_answers_that_never_come_do_not_stop_it(status: int, at_a_time: float) -> None:
    """What times out holds places; what is left of eight at a time goes on, and after 429 of the lowest limit."""
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    behaviour = {"latency_ms": 20, "refused_share": 0.04, "random_status": status, "broken_share": 0.03}
    simulate([(0, behaviour)], [client], 120, 7)
    place_seconds = 0.97 * 0.02 + 0.03 * 3
    assert client.between(20, 120).passed / 100 >= 0.5 * at_a_time / place_seconds


@pytest.mark.parametrize("rate", [20, 60])
def test_a_429_leads_below_where_a_start_begins(rate: int) -> None:
    client = Client(AdaptiveLimit(MOST_AT_A_TIME))
    changes: list[tuple[float, dict[str, Any]]] = [(0, {"rate": rate, "burst": 5, "latency_ms": 50, "jitter": 0.3})]
    simulate(changes, [client], 240, 1)
    used, refused, _ = shares(client, next(behaviours(changes))[1], 60, 240)
    assert used >= 0.85
    assert refused <= 0.02


@pytest.mark.parametrize("slices", [2, 4, 8])
@pytest.mark.parametrize("seed", [1, 2])
def test_slices_find_a_rate_that_they_share(slices: int, seed: int) -> None:
    """None takes what the others' requests bring for usual, and none starves."""
    clients = [Client(AdaptiveLimit(256)) for _ in range(slices)]
    behaviour = {"rate": 400, "burst": 40, "latency_ms": 50, "jitter": 0.3}
    simulate([(0, behaviour)], clients, 120, seed)
    passed = [client.between(60, 120).passed for client in clients]
    refused = sum(client.between(60, 120).refused for client in clients)
    assert sum(passed) / 60 >= 0.85 * 400
    assert refused / (sum(passed) + refused) <= 0.02
    assert min(passed) >= 0.2 * sum(passed) / slices


@pytest.mark.parametrize("slices", [2, 4, 8])
def test_slices_that_share_a_limit_on_requests_at_a_time_use_it_though_unevenly(slices: int) -> None:
    """Each goes on; refused is a little more than where there is one, but of the same size."""
    clients = [Client(AdaptiveLimit(256)) for _ in range(slices)]
    simulate([(0, {"concurrency": 40, "latency_ms": 100, "jitter": 0.3})], clients, 120, 1)
    passed = [client.between(60, 120).passed for client in clients]
    refused = sum(client.between(60, 120).refused for client in clients)
    assert sum(passed) / 60 >= 0.85 * 400
    assert refused / (sum(passed) + refused) <= 0.05
    assert min(passed) / 60 >= 1


def test_two_clients_share_what_there_is() -> None:
    clients = [Client(AdaptiveLimit(MOST_AT_A_TIME)) for _ in range(2)]
    simulate([(0, {"concurrency": 40, "latency_ms": 100, "jitter": 0.3})], clients, 90, 2)
    passed = [client.between(45, 90).passed for client in clients]
    refused = sum(client.between(45, 90).refused for client in clients)
    assert sum(passed) / 45 >= 0.85 * 400
    assert refused / (sum(passed) + refused) <= 0.02
