"""`forget --appsflyer` over real sockets: a person is erased here, and asked for at a stand-in AppsFlyer, once."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.appsflyer.sandbox.opendsr_checks import IN_PROGRESS_SECONDS, PENDING_SECONDS
from connectors.state.erasures import read_notes
from connectors.state.user_segments import write_log
from flows.commands.main import main
from flows.domain.profile import Profile
from flows.domain.user_state import STATE_VERSION, UserState
from flows.operators.user_store import shard_of
from tests.fixtures.settings import files_source, settings_text, sync_table

TOKEN = "api-token-of-the-tests"  # noqa: S105 - of the tests
USER, DEVICE = "hiker-17", "phone-of-nobody"
PHONE_ID, NOBODYS_ID = "1700000000000-1111111", "1700000000000-3333333"
IDFA = "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"
IOS, ANDROID = "id123456789", "com.example.app"
OF_USER = {(IOS, "customer_user_id", USER), (ANDROID, "customer_user_id", USER), (IOS, "appsflyer_id", PHONE_ID),
           (IOS, "ios_advertising_id", IDFA)}  # fmt: skip

Forget = Callable[..., tuple[int, str, str]]


class Home:
    """A state directory in which a user and a device of nobody are remembered, and the settings beside it."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "stream.toml"
        self.state = directory / "state"
        user, nobody = Profile(), Profile()
        user.learn("ios", "phone", 1, {"appsflyer_id": PHONE_ID, "idfa": IDFA}, now_s=1)
        nobody.learn("android", DEVICE, 1, {"appsflyer_id": NOBODYS_ID}, now_s=1)
        for key, profile in (("u:" + USER, user), ("d:" + DEVICE, nobody)):
            stored = UserState(STATE_VERSION, profile.state(), b"", {}, (), 1)
            write_log(self.state / "users" / shard_of(key), [(key, (*stored, key, 0))])

    def configure(self, url: str, sync: dict[str, Any] | None = None, **erasure: str) -> None:
        """Write the settings."""
        table = {"endpoint": url, "api_token": "env:FORGET_API_TOKEN", **erasure}
        apps = {"ios_app_id": IOS, "android_app_id": ANDROID, **(sync or {})}
        self.file.write_text(
            settings_text(files_source("none.json"), sync_table(**apps), erasure=table, delivery={"timeout_seconds": 5})
        )

    def content(self) -> bytes:
        """Everything that is stored."""
        return b"".join(path.read_bytes() for path in self.state.rglob("*") if path.is_file())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FORGET_API_TOKEN", TOKEN)
    return Home(tmp_path)


@pytest.fixture
def forget(home: Home, capfd: pytest.CaptureFixture[str]) -> Forget:
    """Return `forget(*flags)` → (exit code, output, errors), which hold no identity and no token."""

    def run(*flags: str) -> tuple[int, str, str]:
        before = os.umask(0o022)
        try:
            code = main(["forget", "--settings", str(home.file), *flags])
        finally:
            os.umask(before)
        said = capfd.readouterr()
        for hidden in (TOKEN, USER, PHONE_ID, NOBODYS_ID, IDFA):
            assert hidden not in said.out + said.err
        assert TOKEN.encode() not in home.content()
        return code, said.out, said.err

    return run


def asked(sandbox: SandboxServer) -> list[tuple[str, str, str]]:
    return [(each["app_id"], *each["identities"][0]) for each in sandbox.erasures]


def test_a_person_is_asked_for_by_all_that_the_state_knows_and_erased_here(home: Home, forget: Forget) -> None:
    """One request for each identity and app; what is kept of them names nobody."""
    with SandboxServer.in_thread(keys=(TOKEN,), app_ids=(IOS, ANDROID)) as sandbox:
        home.configure(sandbox.url)
        code, output, errors = forget("--user", USER, "--device", DEVICE, "--appsflyer")
        assert code == 0, output + errors
        assert set(asked(sandbox)) == OF_USER | {(ANDROID, "appsflyer_id", NOBODYS_ID)}
        assert len(sandbox.erasures) == 5
        assert {each["type"] for each in sandbox.erasures} == {"erasure"}
        assert "5 requests, 5 of them taken; 0 ended before" in output
        assert "Amplitude: ask it for the erasure by its own request" in output
        for each in sandbox.erasures:
            assert each["id"] in output
    left = home.content()
    assert not [each for each in (USER, PHONE_ID, NOBODYS_ID, IDFA) if each.encode() in left]
    assert {path.stat().st_mode & 0o777 for path in (home.state / "erasures").iterdir()} == {0o600}


def test_a_repetition_asks_for_nothing_twice_and_says_how_far_it_is(home: Home, forget: Forget) -> None:
    """Also without a name. What has ended is said once more, then counted; then the person can be asked for anew."""
    now = [1_796_000_000.0]
    with SandboxServer.in_thread(now=lambda: now[0]) as sandbox:
        home.configure(sandbox.url)
        assert forget("--user", USER, "--appsflyer")[0] == 0
        first = sandbox.erasures
        sandbox.set_faults({"rule": [{"status": 429, "limit": 1}]})
        code, output, _ = forget("--appsflyer")
        assert (code, output.count(": pending when last asked")) == (1, len(OF_USER) - 1)
        assert forget("--user", USER, "--appsflyer")[1].count(": pending, expected by 20") == len(OF_USER)
        now[0] += PENDING_SECONDS
        assert forget("--appsflyer")[1].count(": in-progress") == len(OF_USER)
        now[0] += IN_PROGRESS_SECONDS
        code, output, _ = forget("--appsflyer")
        assert (code, output.count(": completed")) == (0, len(OF_USER))
        code, output, _ = forget("--appsflyer")
        assert (code, output) == (0, "AppsFlyer: no open request; 4 ended before\n")
        assert [each["id"] for each in sandbox.erasures] == [each["id"] for each in first]

        assert forget("--user", USER, "--appsflyer")[0] == 0
        assert len(sandbox.erasures) == len(first) + 2, "the user id, at both apps: nothing else is known now"


def test_a_request_that_was_taken_but_not_answered_is_not_made_twice(home: Home, forget: Forget) -> None:
    """It is sent again under its id, which AppsFlyer has (e213)."""
    with SandboxServer.in_thread(faults={"rule": [{"kind": "close", "limit": 1}]}) as sandbox:
        home.configure(sandbox.url)
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 1
        assert len(sandbox.erasures) == 1
        assert "no answer" in output
        assert output.count("not sent yet") == 3, "one that breaks says that the others would, too"
        code, output, _ = forget("--appsflyer")
        assert code == 0, output
        assert "has this request already (e213)" in output
        assert sorted(asked(sandbox)) == sorted(OF_USER)


def test_a_kill_between_a_request_and_its_note_costs_nothing(home: Home, forget: Forget) -> None:
    """The request is noted before it is sent, while the state still knows the person."""
    with SandboxServer.in_thread(faults={"rule": [{"kind": "black_hole", "limit": 1}]}) as sandbox:
        home.configure(sandbox.url)
        command = [sys.executable, "-m", "flows", "forget", "--settings", str(home.file), "--user", USER, "--appsflyer"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not sandbox.erasures:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        assert len(sandbox.erasures) == 1
        assert len([note for note in read_notes(home.state / "erasures") if note.is_waiting]) == len(OF_USER)
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 0, output
        assert sorted(asked(sandbox)) == sorted(OF_USER)
    assert USER.encode() not in home.content()


@pytest.mark.parametrize(
    ("fault", "said", "tells"),
    [
        ({"status": 400, "text": "e215"}, "(e215)", "when that request is completed"),
        ({"status": 400, "text": "e319"}, "(e319)", "Correct the app id"),
        ({"status": 400, "text": "e411"}, "(e411)", "Correct the app id"),
        ({"status": 400, "text": "e414"}, "(e414)", "again later"),
        ({"status": 500, "text": "e511"}, "(e511)", "in 60 minutes"),
        ({"status": 401}, "does not accept the API token", "erasure.api_token"),
        ({"status": 429}, "350 a minute", "in a minute"),
        ({"status": 503}, "a failure of AppsFlyer (503)", "again later"),
        ({"status": 404, "text": "nothing here"}, "does not document (404)", "erasure.endpoint"),
        ({"kind": "page"}, "a web page came", "erasure.endpoint"),
        ({"kind": "reset"}, "no answer", "the network"),
    ],
)
def test_where_appsflyer_does_not_take_it_the_erasure_here_is_done_and_the_rest_is_sent_later(
    home: Home, forget: Forget, fault: dict[str, Any], said: str, tells: str
) -> None:
    """Exit 1, with what to do; the same command, or the one without a name, sends what is left, once."""
    with SandboxServer.in_thread(faults={"rule": [fault]}) as sandbox:
        home.configure(sandbox.url)
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 1
        assert said in output
        assert tells in output
        assert "remembered in 1, erased" in output
        assert len(sandbox.erasures) <= (1 if fault.get("kind") == "reset" else 0)
        sandbox.set_faults({})
        code, output, _ = forget("--appsflyer")
        assert code == 0, output
        assert sorted(asked(sandbox)) == sorted(OF_USER)
    assert USER.encode() not in home.content()


def test_an_identity_that_appsflyer_never_takes_is_said_once_and_forgotten(home: Home, forget: Forget) -> None:
    """As the advertising id of a user who limits ad tracking (e321): nothing is to be sent again."""
    rule = {"status": 400, "text": "e321", "app_id": IOS, "limit": 1}
    with SandboxServer.in_thread(faults={"rule": [rule]}) as sandbox:
        home.configure(sandbox.url)
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 1
        assert "(e321)" in output
        assert len(sandbox.erasures) == len(OF_USER) - 1
        assert forget("--appsflyer")[0] == 0
        assert len(sandbox.erasures) == len(OF_USER) - 1
    assert USER.encode() not in home.content()


def test_a_wrong_app_id_is_corrected_and_the_person_asked_for_under_the_right_one(home: Home, forget: Forget) -> None:
    """Though the state has forgotten the person by then."""
    with SandboxServer.in_thread(app_ids=(IOS, ANDROID)) as sandbox:
        home.configure(sandbox.url, {"ios_app_id": "id987654321"})
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 1
        assert output.count("(e411)") == 3
        home.configure(sandbox.url)
        assert forget("--appsflyer")[0] == 0
        assert sorted(asked(sandbox)) == sorted(OF_USER)


def test_a_request_that_appsflyer_cancels_is_a_failure(home: Home, forget: Forget) -> None:
    with SandboxServer.in_thread() as sandbox:
        home.configure(sandbox.url)
        assert forget("--device", DEVICE, "--appsflyer")[0] == 0
        (request,) = sandbox.erasures
        connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
        authorization = {"authorization": "Bearer of-another-person"}
        connection.request("DELETE", f"/api/gdpr/v1/opendsr_requests/{request['id']}", headers=authorization)
        assert connection.getresponse().status == 202
        connection.close()
        code, output, _ = forget("--appsflyer")
        assert (code, output.count(": canceled")) == (1, 1)


def test_a_user_id_that_was_never_sent_is_not_asked_for(home: Home, forget: Forget) -> None:
    """Where a sync reads customer_user_id from elsewhere, Amplitude's user id may be another person's there."""
    with SandboxServer.in_thread() as sandbox:
        home.configure(sandbox.url, {"fields": {"customer_user_id": ["user_properties.account", "user_id"]}})
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 0
        assert {kind for _, kind, _ in asked(sandbox)} == {"appsflyer_id", "ios_advertising_id"}
        assert "sync[production] sends another customer_user_id" in output


def test_the_token_goes_over_tls_that_is_verified_and_not_through_a_proxy_of_the_environment(
    home: Home, forget: Forget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the stream's own requests do: the certificates are those of delivery.ca_file, the proxy is delivery.proxy."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with SandboxServer.in_thread(tls=tmp_path / "tls", keys=(TOKEN,)) as sandbox:
        home.configure(sandbox.url)
        code, output, _ = forget("--user", USER, "--appsflyer")
        assert code == 1
        assert "no answer" in output
        assert sandbox.erasures == []
        trusting = home.file.read_text().replace("[delivery]", f'[delivery]\nca_file = "{sandbox.ca_file}"')
        home.file.write_text(trusting)
        assert forget("--appsflyer")[0] == 0
        assert sorted(asked(sandbox)) == sorted(OF_USER)


def test_without_a_token_nothing_is_done(home: Home, forget: Forget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither here, for the identities would be gone before AppsFlyer can be asked."""
    home.configure("http://127.0.0.1:9")
    before = home.content()
    monkeypatch.delenv("FORGET_API_TOKEN")
    code, _, errors = forget("--user", USER, "--appsflyer")
    assert code == 2
    assert "erasure.api_token" in errors
    assert "FORGET_API_TOKEN is not set" in errors
    home.file.write_text(home.file.read_text().replace('api_token = "env:FORGET_API_TOKEN"\n', ""))
    code, _, errors = forget("--user", USER, "--appsflyer")
    assert code == 2
    assert "erasure.api_token: missing; write api_token" in errors
    assert home.content() == before


def test_without_the_flag_nobody_is_asked(home: Home, forget: Forget) -> None:
    with SandboxServer.in_thread() as sandbox:
        home.configure(sandbox.url)
        code, output, _ = forget("--user", USER)
        assert code == 0
        assert sandbox.erasures == []
        assert "--appsflyer asks AppsFlyer" in output
    assert not (home.state / "erasures").exists()


def test_a_damaged_note_is_named_and_nothing_is_erased(home: Home, forget: Forget) -> None:
    """It may be of a request that was sent."""
    with SandboxServer.in_thread() as sandbox:
        home.configure(sandbox.url)
        (home.state / "erasures").mkdir()
        (home.state / "erasures" / "torn.erasure").write_bytes(b"{")
        code, _, errors = forget("--user", USER, "--appsflyer")
        assert code == 1
        assert "torn.erasure cannot be read" in errors
        assert sandbox.erasures == []
    assert PHONE_ID.encode() in home.content()
