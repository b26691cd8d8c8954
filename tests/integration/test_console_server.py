"""The console over real sockets: who is answered, what headers an answer has, and how people sign in."""

import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import pytest

from connectors.secrets import Secret, SecretRef
from tests.fixtures.console import TOKEN, answer, collector_status, console, slice_status

HOSTILE = "'\"><script>alert(1)</script>"


class _Client:
    """A browser without a screen: it keeps its cookie."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            named["Cookie"] = self.cookie
        if form is not None:
            named["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, None if form is None else urlencode(form), named)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if cookie := response.headers.get("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        return response, text

    def form_token(self, path: str = "/sign-in") -> str:
        """Return the token of a page's form."""
        _, text = self.ask("GET", path)
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', text)
        assert found is not None
        return found[1]

    def sign_in(self, token: str) -> int:
        form = {"token": token, "form_token": self.form_token()}
        return self.ask("POST", "/sign-in", form)[0].status


@pytest.fixture
def open_console() -> Iterator[_Client]:
    with console([answer(slice_status())]) as port:
        yield _Client(port)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[_Client]:
    """Return a client of a console that people sign in to."""
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    token = Secret(SecretRef("file", str(tmp_path / "token")))
    with console([answer(slice_status())], token, "0.0.0.0") as port:  # noqa: S104 - nothing is bound to it
        yield _Client(port)


def test_a_page_has_the_headers_that_keep_a_browser_from_anything_else(open_console: _Client) -> None:
    response, text = open_console.ask("GET", "/")
    assert response.status == 200
    assert "1,684" in text
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Server"] == "console"
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/none", 404), ("PUT", "/", 405), ("POST", "/", 403)])
def test_errors_have_the_same_headers(open_console: _Client, method: str, path: str, status: int) -> None:
    response, _ = open_console.ask(method, path)
    assert response.status == status
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"


def test_static_files_are_kept_for_ever_and_nothing_else_is_served(open_console: _Client) -> None:
    _, text = open_console.ask("GET", "/")
    paths = re.findall(r'"(/static/[^"]+)"', text)
    assert len(paths) == 5
    for path in paths:
        response, _ = open_console.ask("GET", path)
        assert response.status == 200
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for path in (
        "/static/../guard.py",
        "/static/%2e%2e/guard.py",
        "/static/vendor/vendor.lock.json",
        "/static//etc/passwd",
    ):
        response, _ = open_console.ask("GET", path)
        assert response.status == 404
        assert response.headers["Cache-Control"] == "no-store"


def test_what_has_not_changed_is_not_sent_again(open_console: _Client) -> None:
    response, text = open_console.ask("GET", "/deliveries")
    tag = response.headers["ETag"]
    assert tag.strip('"') in text
    again, nothing = open_console.ask("GET", "/deliveries", If_None_Match=tag)
    assert (again.status, nothing) == (304, "")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_is_not_answered(open_console: _Client, headers: dict[str, str]) -> None:
    """A name that was bound to this address, or a request that another site's page makes."""
    for path in ("/", "/deliveries", "/sign-in"):
        assert open_console.ask("GET", path, None, **headers)[0].status == 403
    assert open_console.ask("POST", "/sign-out", {}, **headers)[0].status == 403


def test_a_form_that_is_not_of_this_session_is_refused(locked: _Client) -> None:
    other = _Client(locked.port)
    foreign = other.form_token()
    locked.form_token()
    for token in ("", foreign, "0" * 64):
        response, text = locked.ask("POST", "/sign-in", {"token": TOKEN, "form_token": token})
        assert (response.status, "load its page again" in text) == (403, True)
    locked.cookie = ""
    assert locked.ask("POST", "/sign-in", {"token": TOKEN, "form_token": foreign})[0].status == 403


def test_without_the_token_no_page_is_shown(locked: _Client) -> None:
    response, text = locked.ask("GET", "/")
    assert (response.status, response.headers["Location"]) == (303, "/sign-in")
    assert "1,684" not in text
    part, text = locked.ask("GET", "/deliveries", HX_Request="true")
    assert (part.status, part.headers["HX-Redirect"]) == (401, "/sign-in")
    assert "1,684" not in text


def test_the_token_opens_the_pages_and_signing_out_closes_them(locked: _Client) -> None:
    locked.form_token()
    before = locked.cookie
    assert locked.sign_in(TOKEN) == 303
    assert locked.cookie != before  # a session that somebody else has given is not taken over
    response, text = locked.ask("GET", "/")
    assert (response.status, "1,684" in text) == (200, True)
    form_token = locked.form_token("/")
    assert locked.ask("POST", "/sign-out", {"form_token": form_token})[0].status == 303
    assert locked.ask("GET", "/")[0].status == 303


def test_a_thousand_wrong_tokens_are_refused_and_hardly_one_is_looked_at(locked: _Client) -> None:
    form_token = locked.form_token()
    statuses = [
        locked.ask("POST", "/sign-in", {"token": f"{TOKEN}{number}", "form_token": form_token})[0].status
        for number in range(1000)
    ]
    assert set(statuses) == {403, 429}
    assert statuses.count(403) < 20
    response, text = locked.ask("POST", "/sign-in", {"token": TOKEN, "form_token": form_token})
    assert (response.status, TOKEN in text) == (429, False)
    assert int(response.headers["Retry-After"]) <= 60


def test_a_token_that_is_changed_ends_the_sessions(locked: _Client, tmp_path: Path) -> None:
    assert locked.sign_in(TOKEN) == 303
    (tmp_path / "token").write_text("another token of a day", encoding="utf-8")
    assert locked.ask("GET", "/")[0].status == 303


def test_hostile_values_are_text() -> None:
    status = slice_status()
    status["syncs"][0]["name"] = HOSTILE
    with console([answer(status), answer(None, "http://127.0.0.1:1", HOSTILE)]) as port:
        _, text = _Client(port).ask("GET", "/")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    ("stream", "said", "not_said"),
    [
        ({"is_running": False, "is_missing": False, "last_words": []}, "No sync is enabled", "does the stream run"),
        ({"is_running": False, "is_missing": True, "last_words": ["no room"]}, "no room", "No sync is enabled"),
        ({"is_running": True, "is_missing": False, "last_words": ["no room"]}, "does the stream run", "no room"),
    ],
)
def test_beside_a_collector_it_is_said_why_no_slice_answers(
    stream: dict[str, object], said: str, not_said: str
) -> None:
    silent = answer(None, why="cannot be reached; does the stream run there?")
    taking_in = answer(collector_status(stream=stream), "http://127.0.0.1:9463")
    with console([silent], collector=taking_in) as port:
        _, text = _Client(port).ask("GET", "/")
    assert "1,234 events taken in" in text
    assert said in text
    assert not_said not in text


def test_without_an_address_of_a_slice_the_page_says_why() -> None:
    with console([]) as port:
        _, text = _Client(port).ask("GET", "/")
    assert "No slice can be asked" in text
