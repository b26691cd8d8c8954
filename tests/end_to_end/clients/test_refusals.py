"""What Amplitude's clients do with each refusal of the collector: they give the events up, and none asks again."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from connectors.collector import answers
from connectors.collector.answers import Answer
from tests.fixtures.clients import Clients
from tests.fixtures.scripted_collector import Upload, accepted, scripted_collector
from tests.tools.clients.known import BY_NAME
from tests.tools.clients.plan import OTHERS, Plan

KEY: Final = "0123456789abcdef0123456789abcdef"
REFUSALS: Final[dict[str, Callable[[int], Answer]]] = {
    "no events": lambda _events: answers.no_events(),
    "unknown key": lambda events: answers.unknown_api_key(KEY, events),
    "unknown path": lambda _events: answers.unknown_path(),
    "wrong token": lambda _events: answers.wrong_token(),
}
ORDERS: Final = 3


def said(answer: Answer) -> tuple[int, Any]:
    """Return an answer as the stand-in gives it."""
    return answer.status, orjson.loads(answer.body)


def plan_for(port: int, scheme: str = "http", **more: Any) -> Plan:
    """Return what a client is to send."""
    return Plan(
        url=f"{scheme}://127.0.0.1:{port}/2/httpapi",
        user_id="user-1234",
        device_id="device-1234",
        appsflyer_id="1700000000000-1234567",
        api_key=KEY,
        orders=ORDERS,
        **more,
    )


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        *[("go", refusal) for refusal in REFUSALS],
        *[(name, refusal) for name in ("python", "node", "java") for refusal in ("unknown key", "unknown path")],
    ],
)
def test_a_refusal_ends_the_matter(name: str, refusal: str, clients: Clients, tmp_path: Path) -> None:
    """Each body is sent once; without the lists of events, Go's client sends it two thousand times a second."""
    client = BY_NAME[name]
    with ExitStack() as stack:
        collector = stack.enter_context(
            scripted_collector(
                lambda upload: said(REFUSALS[refusal](len(upload.events))), tmp_path / "tls" if client.tls else None
            )
        )
        sending = clients.start(client, plan_for(collector.port, "https" if client.tls else "http", patience_s=3))
        reports = sending.wait()
    sent = [str(event.get("insert_id")) for upload in collector.uploads for event in upload.events]
    assert len(set(sent)) == len(sent) == ORDERS + OTHERS, sending.text
    assert all(each.code != 200 for each in reports)


@pytest.mark.parametrize("name", ["node", "go"])
def test_a_body_that_is_too_large_comes_again_in_parts(name: str, clients: Clients) -> None:
    """And every event arrives, once."""

    def script(upload: Upload) -> tuple[int, Any]:
        return said(answers.too_large(len(upload.events))) if len(upload.events) > 2 else accepted(upload)

    with scripted_collector(script) as collector:
        sending = clients.start(BY_NAME[name], plan_for(collector.port))
        reports = sending.wait()
    assert sum(collector.taken.values()) == ORDERS + OTHERS, sending.text
    assert {each.code for each in reports} == {200}
