"""The sandbox on real sockets: in a thread, and as the command that people type."""

import asyncio
import http.client
import os
import select
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from connectors.appsflyer.sandbox import SandboxServer
from connectors.appsflyer.sandbox.fault_plan import FaultPlanError
from tests.fixtures.needs import is_missing

APP = "id123456789"
KEY = "s3cr3t-t0ken"


class Reply(NamedTuple):
    """An answer as a client sees it."""

    status: int
    text: str
    headers: dict[str, str]


def event(**fields: Any) -> dict[str, Any]:
    return {"appsflyer_id": "1234567890123-1234567", "eventName": "af_login", "eventValue": "", "os": "17.4", **fields}


def connect(port: int, ca_file: Path | None = None, timeout_seconds: float = 10) -> http.client.HTTPConnection:
    if ca_file is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_seconds, context=context)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return Reply(answer.status, answer.read().decode(), dict(answer.headers))


def post(
    connection: http.client.HTTPConnection, body: dict[str, Any] | bytes, app: str = APP, key: str | None = KEY
) -> Reply:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"content-type": "application/json"} | ({} if key is None else {"authentication": key})
    return ask(connection, "POST", f"/inappevent/{app}", content, **headers)


def sent_alone(port: int, body: dict[str, Any], timeout_seconds: float = 10) -> Reply:
    connection = connect(port, timeout_seconds=timeout_seconds)
    try:
        return post(connection, body)
    finally:
        connection.close()


def test_requests_for_erasure_are_taken_followed_and_canceled() -> None:
    """AppsFlyer, OpenAPI of the OpenDSR API; its test routes keep requests of their own. No event is counted."""
    body = {
        "subject_request_id": "3bfa3fab-4670-4d29-a28e-207d4e20d55f",
        "subject_request_type": "erasure",
        "submitted_time": "2026-11-29T16:00:00Z",
        "subject_identities": [
            {"identity_type": "appsflyer_id", "identity_value": "1700000000000-1111111", "identity_format": "raw"}
        ],
        "property_id": APP,
    }
    path, headers = "/api/gdpr/v1/opendsr_requests", {"authorization": f"Bearer {KEY}"}
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        connection = connect(sandbox.port)

        def asked(method: str, path: str, content: bytes = b"", **more: str) -> tuple[int, str]:
            return ask(connection, method, path, content, **{**headers, "content-type": "application/json", **more})[:2]

        one = f"{path}/{body['subject_request_id']}"
        assert asked("GET", one)[1].count("e214") == 1
        for route in (path, "/api/gdpr/v1/stub"):
            status, text = asked("POST", route, orjson.dumps(body))
            assert (status, orjson.loads(text)["subject_request_id"]) == (201, body["subject_request_id"])
            assert "e213" in asked("POST", route, orjson.dumps(body))[1]
        assert [each["status"] for each in sandbox.erasures] == ["pending"]
        assert orjson.loads(asked("GET", one)[1])["request_status"] == "pending"
        assert asked("DELETE", one)[0] == 202
        assert orjson.loads(asked("GET", one)[1])["request_status"] == "canceled"
        assert "e211" in asked("DELETE", one)[1]
        assert asked("GET", one, authorization="Bearer another")[0] == 401
        assert (asked("PUT", path)[0], asked("PUT", one)[0], asked("GET", "/api/gdpr/v1/nothing")[0]) == (405, 405, 404)
        assert [each["status"] for each in orjson.loads(asked("GET", "/control/erasures")[1])] == ["canceled"]
        assert sandbox.summary()["requests"] == 0
        assert asked("POST", "/control/reset")[0] == 204
        assert sandbox.erasures == []
        connection.close()


def test_many_requests_share_a_connection_and_are_kept_in_order() -> None:
    with SandboxServer.in_thread() as sandbox:
        connection = connect(sandbox.port)
        connection.connect()
        opened = connection.sock
        for number in range(50):
            assert post(connection, event(customer_user_id=f"u{number}"))[:2] == (200, "ok")
        assert connection.sock is opened
        connection.close()
        assert [each["body"]["customer_user_id"] for each in sandbox.requests] == [f"u{each}" for each in range(50)]
        assert [each["number"] for each in sandbox.requests] == list(range(1, 51))
        assert sandbox.summary()["recorded"] == 50


@pytest.mark.parametrize(
    ("body", "app", "key", "status", "text"),
    [
        (event(), APP, None, 401, "Unauthorized"),
        (event(), APP, "wrong", 400, "Failed to Authenticate"),
        (event(), "id999", KEY, 400, "app_id does not match the authentication key or is wrong"),
        (b"[]", APP, KEY, 400, "Payload is missing or failed to parse"),
        (b"", APP, KEY, 400, "Payload is missing or failed to parse"),
        (event(appsflyer_id=""), APP, KEY, 400, "appsflyer_id is a mandatory field"),
        (event(eventName=""), APP, KEY, 400, "Bad request"),
        (event(ua="x" * 1024), APP, KEY, 400, "Bad request"),
        (event(ua="x" * 2_000_000), APP, KEY, 413, "Payload Too Large"),
        (event(), "a/b", KEY, 404, "Not Found"),
    ],
)
def test_refusals_are_plain_text_and_are_recorded(
    body: dict[str, Any] | bytes, app: str, key: str | None, status: int, text: str
) -> None:
    with SandboxServer.in_thread(keys=(KEY,), app_ids=(APP,)) as sandbox:
        connection = connect(sandbox.port)
        reply = post(connection, body, app, key)
        connection.close()
        assert (reply.status, reply.text) == (status, text)
        assert reply.headers["Content-Type"].startswith("text/plain")
        (request,) = sandbox.requests
        assert (request["status"], request["recorded"], len(request["notes"])) == (status, False, 1)


def test_an_ios_app_id_without_its_prefix_is_listed_apart() -> None:
    with SandboxServer.in_thread() as sandbox:
        connection = connect(sandbox.port)
        assert post(connection, event(), "123456789")[:2] == (200, "ok")
        assert post(connection, event())[:2] == (200, "ok")
        connection.close()
        assert [each["app_id"] for each in sandbox.not_recorded] == ["123456789"]
        assert {key: sandbox.summary()[key] for key in ("accepted", "recorded", "not_recorded")} == {
            "accepted": 2, "recorded": 1, "not_recorded": 1,
        }  # fmt: skip


def test_tls_is_verified_against_the_ca_file_and_survives_a_restart(tmp_path: Path) -> None:
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        connection = connect(sandbox.port, sandbox.ca_file)
        assert post(connection, event()).status == 200
        connection.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("127.0.0.1", sandbox.port, context=ssl.create_default_context()).connect()
    authority = (tmp_path / "tls" / "ca.pem").read_bytes()
    assert stat.S_IMODE((tmp_path / "tls" / "server.key").stat().st_mode) == 0o600
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        connection = connect(sandbox.port, tmp_path / "tls" / "ca.pem")
        assert post(connection, event()).status == 200
        connection.close()
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == authority


@pytest.mark.parametrize("damage", ["leaf of another", "junk", "other host"])
def test_certificates_that_do_not_fit_are_made_anew(tmp_path: Path, damage: str) -> None:
    with SandboxServer.in_thread(tls=tmp_path / "one"), SandboxServer.in_thread(tls=tmp_path / "two"):
        pass
    before = (tmp_path / "one" / "ca.pem").read_bytes()
    if damage == "leaf of another":
        (tmp_path / "one" / "server.pem").write_bytes((tmp_path / "two" / "server.pem").read_bytes())
    elif damage == "junk":
        (tmp_path / "one" / "ca.pem").write_text("junk")
    host = "127.0.0.2" if damage == "other host" else "127.0.0.1"
    with SandboxServer.in_thread(tls=tmp_path / "one", host=host) as sandbox:
        assert sandbox.ca_file is not None
        connection = http.client.HTTPSConnection(
            host, sandbox.port, context=ssl.create_default_context(cafile=sandbox.ca_file)
        )
        assert post(connection, event()).status == 200
        connection.close()
    assert (tmp_path / "one" / "ca.pem").read_bytes() not in (before, b"junk")


def test_scripted_statuses_go_by_the_attempts_of_each_body() -> None:
    with SandboxServer.in_thread(faults={"rule": [{"statuses": [500, 429, 200], "retry_after": 7}]}) as sandbox:
        connection = connect(sandbox.port)
        for user in ("a", "b"):
            replies = [post(connection, event(customer_user_id=user)) for _ in range(4)]
            assert [reply.status for reply in replies] == [500, 429, 200, 200]
            assert [reply.headers.get("Retry-After") for reply in replies] == ["7", "7", "7", None]
            assert replies[0].text == "Internal Server Error"
        connection.close()
        assert [each["attempt"] for each in sandbox.requests] == [1, 2, 3, 4] * 2
        summary = sandbox.summary()
        assert summary["by_status"] == {"500": 2, "429": 2, "200": 4}
        assert (summary["unique_bodies"], summary["accepted_bodies"], summary["duplicate_bodies"]) == (2, 2, 2)


def test_a_403_has_the_content_type_that_was_seen_in_the_wild() -> None:
    plan = {"rule": [{"status": 403, "text": "Forbidden: plan", "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}]}
    with SandboxServer.in_thread(faults=plan) as sandbox:
        reply = sent_alone(sandbox.port, event())
    assert (reply.status, reply.text) == (403, "Forbidden: plan")
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"


def test_a_delay_delays_and_a_client_that_gives_up_was_received_all_the_same() -> None:
    with SandboxServer.in_thread(faults={"rule": [{"delay_ms": 300}]}) as sandbox:
        started = time.monotonic()
        assert sent_alone(sandbox.port, event()).status == 200
        assert time.monotonic() - started >= 0.3
        with pytest.raises(TimeoutError):
            sent_alone(sandbox.port, event(customer_user_id="hasty"), timeout_seconds=0.05)
        assert sandbox.wait_until(lambda summary: summary["requests"] == 2)["recorded"] == 2


def raw(port: int, ca_file: Path | None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    if ca_file is not None:
        context = ssl.create_default_context(cafile=ca_file)
        connection = context.wrap_socket(connection, server_hostname="localhost")
    body = orjson.dumps(event())
    head = f"POST /inappevent/{APP} HTTP/1.1\r\nHost: [::1]\r\nauthentication: k\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("tls", [False, True])
def test_connections_are_broken_as_the_plan_says(tmp_path: Path, *, tls: bool) -> None:
    """Reset, closed and truncated are told apart by what a client reads; only a truncated 200 counts as recorded."""
    with SandboxServer.in_thread(tls=tmp_path if tls else None) as sandbox:
        sandbox.set_faults({"rule": [{"kind": "reset"}]})
        with raw(sandbox.port, sandbox.ca_file) as connection:
            if tls:  # OpenSSL turns the reset into an end without its farewell, which Python takes for an end
                assert connection.recv(100) == b""
            else:
                with pytest.raises(ConnectionResetError):
                    connection.recv(100)
        sandbox.set_faults({"rule": [{"kind": "close"}]})
        with raw(sandbox.port, sandbox.ca_file) as connection:
            assert connection.recv(100) == b""
        sandbox.set_faults({"rule": [{"kind": "truncate"}]})
        with raw(sandbox.port, sandbox.ca_file) as connection, connection.makefile("rb") as answer:
            content = answer.read()
            assert content.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n")
            assert content.endswith(b"\r\n\r\no")
        assert [(each["status"], each["recorded"], each["fault"]) for each in sandbox.requests] == [
            (None, False, "reset"), (None, False, "close"), (200, True, "truncate"),
        ]  # fmt: skip
        assert sandbox.summary()["by_status"] == {"none": 2, "200": 1}


def test_a_black_hole_never_answers_and_does_not_hold_up_the_stop() -> None:
    started = time.monotonic()
    with SandboxServer.in_thread(faults={"rule": [{"kind": "black_hole"}]}) as sandbox:
        connection = raw(sandbox.port, None)
        sandbox.wait_until(lambda summary: summary["by_fault"] == {"black_hole": 1})
        assert select.select([connection], [], [], 0.2)[0] == []
        plain = connect(sandbox.port)
        assert ask(plain, "GET", "/control/summary").status == 200
    assert time.monotonic() - started < 2
    with connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    plain.close()


def test_faults_and_record_are_controlled_over_http() -> None:
    with SandboxServer.in_thread() as sandbox:
        connection = connect(sandbox.port)
        plan = {"rule": [{"event_name": "af_login", "status": 500, "limit": 1}]}
        assert ask(connection, "PUT", "/control/faults", orjson.dumps(plan)).status == 204
        assert orjson.loads(ask(connection, "GET", "/control/faults").text) == plan
        assert [post(connection, event()).status for _ in range(2)] == [500, 200]
        refusal = ask(connection, "PUT", "/control/faults", b'{"rule":[{"stauts":500}]}')
        assert (refusal.status, refusal.text) == (
            400, "fault plan: rule.1.stauts: unknown key; did you mean status?",
        )  # fmt: skip
        assert ask(connection, "PUT", "/control/faults", b"{").status == 400
        since = orjson.loads(ask(connection, "GET", "/control/requests?since=1").text)
        assert [(each["number"], each["status"]) for each in since] == [(2, 200)]
        assert since == sandbox.requests[1:]
        assert ask(connection, "GET", "/control/requests?since=x").status == 400
        assert orjson.loads(ask(connection, "GET", "/control/not_recorded").text) == []
        assert orjson.loads(ask(connection, "GET", "/control/summary").text) == sandbox.summary()
        assert ask(connection, "POST", "/control/reset").status == 204
        assert (sandbox.summary()["requests"], sandbox.requests) == (0, [])
        assert post(connection, event()).status == 500  # the plan begins anew
        assert ask(connection, "GET", "/control/other").status == ask(connection, "GET", "/favicon.ico").status == 404
        connection.close()
        with pytest.raises(FaultPlanError, match="fault plan: x: unknown key"):
            sandbox.set_faults({"x": 1})


def test_the_page_shows_what_arrived_and_runs_no_script() -> None:
    with SandboxServer.in_thread() as sandbox:
        connection = connect(sandbox.port)
        empty = ask(connection, "GET", "/")
        assert "Nothing has arrived yet" in empty.text
        assert "default-src 'none'" in empty.headers["Content-Security-Policy"]
        purchase = event(eventName="<script>alert(1)</script>", eventValue='{"af_revenue":"6.5"}', eventCurrency="EUR")
        post(connection, purchase | {"idfa": "A1B2C3D4-0000-4000-8000-1234567890AB", "ip": "::1"})
        html = ask(connection, "GET", "/").text
        connection.close()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for shown in ("6.5 EUR", "IDFA", "AppsFlyer ID", "ip is not an IPv4 address", APP):
        assert shown in html


def test_dropping_bodies_keeps_counts_and_a_complete_file(tmp_path: Path) -> None:
    with SandboxServer.in_thread(drop_bodies=True, record=tmp_path / "record.ndjson") as sandbox:
        connection = connect(sandbox.port)
        for number in range(5):
            post(connection, event(customer_user_id=str(number % 4)))
        assert "Requests are counted, not kept" in ask(connection, "GET", "/").text
        connection.close()
        assert sandbox.requests == []
        assert (sandbox.summary()["requests"], sandbox.summary()["duplicate_bodies"]) == (5, 1)
    assert len((tmp_path / "record.ndjson").read_bytes().splitlines()) == 5


def test_the_record_is_appended_soon_and_never_holds_a_key(tmp_path: Path) -> None:
    file = tmp_path / "record.ndjson"
    file.write_text('{"from":"before"}\n')
    with SandboxServer.in_thread(record=file, keys=(KEY,)) as sandbox:
        connection = connect(sandbox.port)
        pretty = orjson.dumps(event(eventValue='{"a":\n{"b":"ü"}}'), option=orjson.OPT_INDENT_2)
        post(connection, pretty)
        until = time.monotonic() + 5
        while file.read_bytes().count(b"\n") < 2:
            assert time.monotonic() < until, "nothing was flushed while running"
        post(connection, b"junk", key="wrong-key")
        connection.close()
    content = file.read_bytes()
    assert KEY.encode() not in content
    assert b"wrong-key" not in content
    before, first, second = (orjson.loads(line) for line in content.splitlines())
    assert before == {"from": "before"}
    assert (first["body"], first["event_value"], first["attempt"]) == (orjson.loads(pretty), {"a": {"b": "ü"}}, 1)
    assert (second["body"], second["text"], second["notes"]) == (None, "junk", ["wrong_key"])


def test_it_runs_in_the_callers_loop_too() -> None:
    async def use() -> int:
        async with SandboxServer() as sandbox:
            reply = await asyncio.to_thread(sent_alone, sandbox.port, event())
            assert [each["body"]["eventName"] for each in sandbox.requests] == ["af_login"]
            return reply.status

    assert asyncio.run(use()) == 200


def test_a_taken_port_is_an_error_and_leaves_nothing_running() -> None:
    with (
        SandboxServer.in_thread() as sandbox,
        pytest.raises(OSError, match="address already in use"),
        SandboxServer.in_thread(port=sandbox.port),
    ):
        pass


COMMAND = (sys.executable, "-m", "flows", "sandbox")


@contextmanager
def running(*options: str) -> Generator[tuple[subprocess.Popen[str], str], None, None]:
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_listens_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    port_file, record, tls = tmp_path / "port", tmp_path / "record.ndjson", tmp_path / "tls"
    options = ("--port", "0", "--port-file", str(port_file), "--record", str(record), "--tls", str(tls), "--key", KEY)
    with running(*options) as (process, first_line):
        assert process.stdout is not None
        assert process.stdout.readline() == f"verify with {tls / 'ca.pem'}\n"
        until = time.monotonic() + 5
        while not port_file.exists():
            assert time.monotonic() < until, "no port file"
        port = int(port_file.read_text())
        assert first_line == f"listening on https://127.0.0.1:{port}\n"
        connection = connect(port, tls / "ca.pem")
        assert post(connection, event()).status == 200
        process.send_signal(number)  # with an idle connection open
        assert process.wait(timeout=10) == 0
        connection.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert len(record.read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--faults", "PLAN"), 2, "rule.1.stauts: unknown key; did you mean status?"),
        (("--faults", "/nowhere/plan.toml"), 2, "/nowhere/plan.toml: cannot be read"),
        (("--record", "/nowhere/record.ndjson"), 2, "--record /nowhere/record.ndjson: cannot be written"),
        (("--port", "65536"), 2, "is no port"),
        (("--host", "192.0.2.1"), 1, "cannot listen on http://192.0.2.1:"),
    ],
)
def test_wrong_usage_is_said_in_one_line(tmp_path: Path, options: tuple[str, ...], code: int, said: str) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[[rule]]\nstauts = 500\n")
    typed = [str(plan) if each == "PLAN" else each for each in options]
    done = subprocess.run([*COMMAND, *typed], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_record_that_cannot_be_written_ends_the_command_loudly() -> None:
    if not os.access("/dev/full", os.W_OK):
        is_missing("the system has no /dev/full")
    with running("--record", "/dev/full") as (process, first_line):
        sent_alone(int(first_line.rsplit(":", 1)[1]), event())
        assert process.wait(timeout=10) == 1
        assert process.stderr is not None
        assert process.stderr.read() == "sandbox: the record cannot be written: No space left on device\n"
