"""`send-test`: one event on the stream's own way, shown, sent to a stand-in AppsFlyer, and its answer explained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from flows.commands.main import main

KEY = "a-key-that-nobody-may-see"
ID = "1700000000000-1234567"
SETTINGS = """\
[source]
kind = "files"
paths = ["none.json"]

[delivery]
endpoint = "{url}"
timeout_seconds = 5
{delivery}

[dead_letters]
kind = "files"
directory = "letters"

[[sync]]
name = "production"
enabled = false
ios_app_id = "id123456789"
s2s_key = "env:SEND_TEST_KEY"
default_currency = "USD"
[[sync.event]]
name = "Order Completed"
send_as = "af_purchase"
{more}
"""

Send = Callable[..., tuple[int, str, str]]


@pytest.fixture
def send(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Send:
    """Return `send(url, *flags, more="", delivery="")` → (exit code, output, errors)."""
    monkeypatch.setenv("SEND_TEST_KEY", KEY)

    def run(url: str, *flags: str, more: str = "", delivery: str = "") -> tuple[int, str, str]:
        file = tmp_path / "stream.toml"
        file.write_text(SETTINGS.format(url=url, more=more, delivery=delivery))
        code = main(["send-test", "--settings", str(file), *flags])
        said = capfd.readouterr()
        assert KEY not in said.out + said.err
        return code, said.out, said.err

    return run


def test_a_delivered_event_is_shown_with_its_answer(send: Send) -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        code, output, _ = send(sandbox.url, "--appsflyer-id", ID, "--customer-user-id", "user-1")
        (request,) = sandbox.requests
    assert code == 0
    assert request["app_id"] == "id123456789"
    assert request["notes"] == ["no_os"]
    assert "warning: no_os" in output
    assert request["body"]["appsflyer_id"] == ID
    assert request["body"]["customer_user_id"] == "user-1"
    assert request["body"]["eventName"] == "af_purchase"
    assert f"POST {sandbox.url}/inappevent/id123456789" in output
    assert "authentication: ***" in output
    assert '"eventName": "af_purchase"' in output
    assert "not enabled" in output
    assert "answer: 200" in output
    assert "no proof" in output


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"status": 401}, "not the S2S key"),
        ({"status": 403}, "«Zero» plan"),
        ({"status": 400, "text": "Failed to Authenticate"}, "the key is wrong"),
        ({"status": 400, "text": "Bad request"}, "at least one of AppsFlyer's checks"),
        ({"status": 500}, "tries again by itself"),
        ({"status": 429}, "too many requests"),
        ({"status": 200, "text": "<!doctype html><title>Sign in</title>"}, "It is no delivery"),
        ({"status": 404, "text": "<html>"}, "in AppsFlyer's place"),
        ({"status": 302}, "never follows"),
        ({"status": 511}, "the network asks for a sign-in"),
        ({"kind": "close"}, "without an answer"),
    ],
)
def test_each_refusal_is_explained(send: Send, rule: dict[str, Any], said: str) -> None:
    """Exit 1, with the causes that AppsFlyer documents for the answer; one request, which is never repeated."""
    with SandboxServer.in_thread(faults={"rule": [rule]}) as sandbox:
        code, output, _ = send(sandbox.url, "--appsflyer-id", ID)
        assert sandbox.summary()["requests"] <= 1
    assert code == 1
    assert said in output


def test_a_wrong_key_gets_the_documented_answer(send: Send) -> None:
    with SandboxServer.in_thread(keys=("another-key",)) as sandbox:
        code, output, _ = send(sandbox.url, "--appsflyer-id", ID)
    assert code == 1
    assert "Security center" in output


def test_an_answer_that_repeats_the_key_or_commands_the_terminal_is_scrubbed(send: Send) -> None:
    text = f"no {KEY} \x1b]0;title\x07 \x9b31m\nanswer: 200 after 0.1 s"
    with SandboxServer.in_thread(faults={"rule": [{"status": 403, "text": text}]}) as sandbox:
        code, output, _ = send(sandbox.url, "--appsflyer-id", ID)
    assert code == 1
    assert "no ***" in output
    assert not {"\x1b", "\x07", "\x9b"} & set(output)
    assert sum(line.startswith("answer:") for line in output.splitlines()) == 1


def test_an_untrusted_certificate_is_refused_and_explained(send: Send, tmp_path: Path) -> None:
    """TLS is verified: with the sandbox's own authority unknown, nothing is sent; with it, the event arrives."""
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        code, output, _ = send(sandbox.url, "--appsflyer-id", ID)
        assert sandbox.summary()["requests"] == 0
        assert code == 1
        assert "certificate is not to be trusted" in output
        delivery = f'ca_file = "{sandbox.ca_file}"'
        assert send(sandbox.url, "--appsflyer-id", ID, delivery=delivery)[0] == 0


def test_nothing_listens(send: Send) -> None:
    code, output, _ = send("http://127.0.0.1:9", "--appsflyer-id", ID)
    assert code == 1
    assert "Nothing answers there" in output


@pytest.mark.parametrize(
    ("flags", "more", "said"),
    [
        (("--appsflyer-id", "nonsense"), "", "is no AppsFlyer id"),
        (("--appsflyer-id", ID, "--event", "Other"), "", "does not select"),
        (("--appsflyer-id", ID, "--event", "$identify"), "", "reserves"),
        (("--appsflyer-id", ID, "--platform", "android"), "", "no android app"),
        (("--appsflyer-id", ID, "--sync", "none"), "", "has production"),
        (("--appsflyer-id", ID, "--set", "platform.x=1"), "", "platform is no object"),
        (("--appsflyer-id", ID), 'where = [{ property = "event.plan", is = ["pro"] }]', "--set"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_what_to_do(
    send: Send, flags: tuple[str, ...], more: str, said: str
) -> None:
    """Exit 2, and nothing reaches the endpoint."""
    with SandboxServer.in_thread() as sandbox:
        code, _, errors = send(sandbox.url, *flags, more=more)
        assert sandbox.summary()["requests"] == 0
    assert code == 2
    assert said in errors


def test_what_a_condition_asks_for_can_be_given(send: Send) -> None:
    more = 'where = [{ property = "event.plan", is = ["pro"] }]'
    with SandboxServer.in_thread() as sandbox:
        code, output, _ = send(
            sandbox.url, "--appsflyer-id", ID, "--set", "event_properties.plan=pro",
            "--set", "event_properties.$revenue=9.99", more=more,
        )  # fmt: skip
        (request,) = sandbox.requests
    assert code == 0, output
    assert request["event_value"].items() >= {"plan": "pro", "af_revenue": "9.99"}.items()


def test_a_stand_in_on_this_machine_needs_no_ids(send: Send) -> None:
    """`send-test --sync NAME` is enough to see an event arrive in the sandbox, also for a sync with two apps."""
    two_apps = (
        '[[sync]]\nname = "two"\nios_app_id = "2"\nandroid_app_id = "c.d"\ns2s_key = "env:SEND_TEST_KEY"\n'
        'events = "all"'
    )
    with SandboxServer.in_thread() as sandbox:
        for name in ("production", "two"):
            code, output, _ = send(sandbox.url, "--sync", name, more=two_apps)
            assert code == 0, output
        assert [request["app_id"] for request in sandbox.requests] == ["id123456789", "id2"]


def test_appsflyer_itself_is_sent_no_made_up_id(send: Send) -> None:
    code, _, errors = send("https://198.51.100.7", "--yes")
    assert code == 2
    assert "AppsFlyer takes no event without one" in errors


def test_a_real_endpoint_is_not_written_to_without_a_yes(send: Send) -> None:
    """Where nobody can be asked, nothing is sent to a host that is not this machine."""
    code, output, errors = send("https://198.51.100.7", "--appsflyer-id", ID)
    assert code == 2
    assert "counts as a real event" in output
    assert "nothing was sent" in errors


def test_a_missing_key_is_named_by_its_place(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEND_TEST_KEY")
    code, _, errors = send("http://127.0.0.1:9", "--appsflyer-id", ID)
    assert code == 2
    assert "SEND_TEST_KEY is not set" in errors
