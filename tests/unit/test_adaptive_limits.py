"""Adaptive limits against servers whose behaviour is data, in simulated time; each run of a seed is the same."""

from typing import Any, NamedTuple

import pytest

from connectors.appsflyer.adaptive_limits import AdaptiveLimits
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
    client = Client(AdaptiveLimits(MOST_AT_A_TIME))
    simulate(case.changes, [client], case.seconds, seed)
    behaviour = list(behaviours(case.changes))[-1][1]
    used, refused, _ = shares(client, behaviour, case.from_second, case.seconds)
    assert used >= case.least_used
    assert refused <= case.most_refused


@pytest.mark.parametrize("latency_ms", [50, 500, 2000])
@pytest.mark.parametrize("jitter", [0.0, 0.5])
def test_slowness_alone_is_no_reason_to_send_less(latency_ms: int, jitter: float) -> None:
    """Where nothing is refused and waiting less makes nothing faster, the ceiling is reached and kept."""
    client = Client(AdaptiveLimits(MOST_AT_A_TIME))
    simulate([(0, {"latency_ms": latency_ms, "jitter": jitter})], [client], 90, 3)
    counts = client.between(45, 90)
    assert counts.passed / 45 >= 0.85 * MOST_AT_A_TIME * 1000 / latency_ms


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_refusals_that_no_load_causes_do_not_throttle_for_good(share: float) -> None:
    client = Client(AdaptiveLimits(MOST_AT_A_TIME))
    simulate([(0, {"latency_ms": 100, "jitter": 0.3, "refused_share": share})], [client], 100, 5)
    counts = client.between(60, 100)
    assert counts.passed / 40 >= 0.5 * MOST_AT_A_TIME * 10


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_retries_do_not_crawl_where_most_is_refused_whatever_the_load(share: float) -> None:
    """As in an outage by halves: eight at a time go on, as far as the circuit lets them."""
    client = Client(AdaptiveLimits(MOST_AT_A_TIME))
    simulate([(0, {"latency_ms": 40, "jitter": 0.3, "refused_share": share, "refusal_ms": 40})], [client], 30, 4)
    counts = client.between(0, 30)
    assert (counts.passed + counts.refused) / 30 >= 50


def test_two_clients_share_what_there_is() -> None:
    clients = [Client(AdaptiveLimits(MOST_AT_A_TIME)) for _ in range(2)]
    simulate([(0, {"concurrency": 40, "latency_ms": 100, "jitter": 0.3})], clients, 90, 2)
    passed = [client.between(45, 90).passed for client in clients]
    refused = sum(client.between(45, 90).refused for client in clients)
    assert sum(passed) / 45 >= 0.85 * 400
    assert refused / (sum(passed) + refused) <= 0.02
