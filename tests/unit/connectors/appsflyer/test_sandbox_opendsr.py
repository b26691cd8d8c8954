"""The sandbox's OpenDSR API: each documented check and code, and the way of a request (AppsFlyer's OpenAPI of it)."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from connectors.appsflyer.sandbox.checks import KnownToSandbox
from connectors.appsflyer.sandbox.opendsr_checks import (
    IN_PROGRESS_SECONDS,
    PENDING_SECONDS,
    DsrReply,
    DsrRequest,
    create,
    status_of,
    why_unauthorized,
)

HEADERS = {"content-type": "application/json", "authorization": "Bearer t"}
RULES = KnownToSandbox(app_ids=frozenset({"id123456789", "com.example.app"}))
ZEROS = "00000000-0000-0000-0000-000000000000"


def request(kind: str = "appsflyer_id", value: str = "1700000000000-1111111", **more: Any) -> dict[str, Any]:
    return {
        "subject_request_id": str(uuid4()),
        "subject_request_type": "erasure",
        "submitted_time": "2026-11-29T16:00:00Z",
        "subject_identities": [{"identity_type": kind, "identity_value": value, "identity_format": "raw"}],
        "property_id": "id123456789",
        **more,
    }


def answered(
    content: dict[str, Any] | bytes, known: tuple[DsrRequest, ...] = (), now: float = 0.0
) -> tuple[DsrReply, DsrRequest | None]:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return create(HEADERS, body, known, now=now, rules=RULES)


def code_of(reply: DsrReply) -> str:
    assert isinstance(reply.content, dict)
    return str(reply.content["error"]["af_gdpr_code"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no JSON", "e326"),
        (b"[]", "e326"),
        (request(subject_request_id="1"), "e313"),
        (request(subject_request_id="6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "e313"),
        (request(subject_request_type="oblivion"), "e322"),
        (request(submitted_time="yesterday"), "e314"),
        (request(property_id="123456789"), "e317"),
        (request(property_id="id987654321"), "e411"),
        (request(subject_identities="me"), "e323"),
        (request(subject_identities=[]), "e324"),
        (request("oaid"), "e318"),
        (request(value=" "), "e325"),
        (request("android_advertising_id"), "e319"),
        (request("idfv", property_id="com.example.app"), "e319"),
        (request("ios_advertising_id", ZEROS), "e321"),
    ],
)
def test_each_mistake_has_its_code(content: dict[str, Any] | bytes, code: str) -> None:
    reply, taken = answered(content)
    assert (reply.status, code_of(reply), taken) == (400, code, None)


def test_a_body_that_is_not_declared_json_is_refused() -> None:
    reply, _ = create({}, orjson.dumps(request()), [], now=0.0, rules=RULES)
    assert code_of(reply) == "e311"


def test_an_id_is_taken_once_and_an_identity_once_while_it_is_open() -> None:
    content = request()
    reply, taken = answered(content)
    assert reply.status == 201
    assert taken is not None
    assert code_of(answered(content, (taken,))[0]) == "e213"
    again = {**content, "subject_request_id": str(uuid4())}
    assert code_of(answered(again, (taken,), now=IN_PROGRESS_SECONDS - 1)[0]) == "e215"
    assert answered(again, (taken,), now=IN_PROGRESS_SECONDS)[0].status == 201


def test_a_request_goes_from_pending_to_completed() -> None:
    _, taken = answered(request())
    assert taken is not None
    said = [status_of(taken, now).content for now in (0, PENDING_SECONDS, IN_PROGRESS_SECONDS)]
    assert [each["request_status"] for each in said if isinstance(each, dict)] == [
        "pending", "in-progress", "completed",
    ]  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"authorization": "t"}, {"authorization": "Bearer "}, {"authentication": "t"}])
def test_a_request_needs_a_bearer_token(headers: dict[str, str]) -> None:
    refusal = why_unauthorized(headers, KnownToSandbox())
    assert refusal is not None
    assert refusal.status == 401
    assert why_unauthorized(HEADERS, KnownToSandbox()) is None
    assert why_unauthorized(HEADERS, KnownToSandbox(keys=frozenset({"another"}))) is not None
