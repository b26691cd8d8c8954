"""The console's pages in a real browser: at every width and in both schemes, by keyboard, and without JavaScript."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from connectors.secrets import Secret, SecretRef
from flows.operations.monitor import SliceAnswer
from tests.fixtures.browser import Scheme, tab
from tests.fixtures.console import TOKEN, answer, circuit, collector_status, console, slice_status

pytestmark = pytest.mark.xdist_group("browser")

HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "W" * 1_000_000

everywhere = pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1200), ("light", 360), ("dark", 1200), ("dark", 360)]
)


def _answers() -> list[SliceAnswer]:
    """Return the worst and the best that the page can show: every colour, and texts that want to be more than text."""
    refused = circuit(
        slice_status(), "paused", "the key is wrong; correct the key, the app id or the plan", "credentials"
    )
    refused["slice"] = {"index": 1, "count": 3}
    hostile = slice_status(why=[HOSTILE], slice={"index": 2, "count": 3})
    hostile["syncs"][0].update(name=HOSTILE, dead_lettered={HOSTILE: 10**12})
    hostile["syncs"][0]["apps"][0].update(app_id=HOSTILE)
    hostile["syncs"][0]["apps"][0]["last_answer"]["meaning"] = HOSTILE
    running = slice_status(slice={"index": 0, "count": 3})
    running["syncs"][0]["name"] = "running"
    return [
        answer(each, f"http://127.0.0.1:{number}") for number, each in enumerate((running, refused, hostile), 9464)
    ] + [answer(None, "http://127.0.0.1:9467", "cannot be reached (Connection refused); does the stream run there?")]


@everywhere
def test_deliveries_whatever_they_hold(browser: Browser, scheme: Scheme, width: int) -> None:
    taking_in = answer(collector_status(unknown_api_keys={HOSTILE: 1}), "http://127.0.0.1:9463")
    with (
        console(_answers(), collector=taking_in) as port,
        tab(browser, f"http://127.0.0.1:{port}/", scheme, width) as opened,
    ):
        expect(opened.page.get_by_text("key refused").first).to_be_visible()
        opened.check()


@everywhere
def test_signing_in(browser: Browser, tmp_path: Path, scheme: Scheme, width: int) -> None:
    """A wrong token is said where it was typed; the right one leads to the page."""
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    token = Secret(SecretRef("file", str(tmp_path / "token")))
    with (
        console([answer(slice_status())], token) as port,
        tab(browser, f"http://127.0.0.1:{port}/", scheme, width) as opened,
    ):
        page = opened.page
        opened.check()
        page.get_by_label("Token").fill("a wrong token")
        page.keyboard.press("Enter")
        expect(page.get_by_text("This is not the token.")).to_be_visible()
        opened.messages.clear()  # the browser tells of the status
        opened.check()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Deliveries")).to_be_visible()
        opened.check()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()


def test_the_page_renews_itself_until_it_is_paused(browser: Browser) -> None:
    said = [answer(slice_status())]
    with console(said) as port, tab(browser, f"http://127.0.0.1:{port}/") as opened:
        page = opened.page
        expect(page.get_by_text("1,684").first).to_be_visible()
        said[0] = answer(slice_status(read=99_999))
        expect(page.get_by_text("99,999")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        said[0] = answer(slice_status(read=55_555))
        with page.expect_event("console", lambda message: message.text == "asked twice"):
            page.evaluate(
                "let asked = 0; document.body.addEventListener('htmx:beforeRequest',"
                "() => { asked += 1; if (asked === 2) console.log('asked twice'); })"
            )
        expect(page.get_by_text("99,999")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("55,555")).to_be_visible()


def test_a_console_that_does_not_answer_is_said(browser: Browser) -> None:
    with console([answer(slice_status())]) as port:
        opening = tab(browser, f"http://127.0.0.1:{port}/")
        opened = opening.__enter__()
    expect(opened.page.get_by_text("The console does not answer")).to_be_visible()
    opening.__exit__(None, None, None)


def test_by_keyboard(browser: Browser) -> None:
    """The first stop skips what every page begins with; each stop is seen; a wide table can be scrolled."""
    with console([answer(slice_status())]) as port, tab(browser, f"http://127.0.0.1:{port}/", width=360) as opened:
        page = opened.page
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for role, name in (("button", "Look again"), ("button", "Pause"), ("region", "Apps of production")):
            page.keyboard.press("Tab")
            expect(page.get_by_role(role, name=name)).to_be_focused()  # type: ignore[arg-type] # a text of the table above
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_without_javascript(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    token = Secret(SecretRef("file", str(tmp_path / "token")))
    said = [answer(slice_status())]
    with console(said, token) as port, tab(browser, f"http://127.0.0.1:{port}/", java_script_enabled=False) as opened:
        page = opened.page
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("1,684").first).to_be_visible()
        expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        said[0] = answer(slice_status(read=99_999))
        page.wait_for_timeout(1100)  # what is a second old is shown again
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_text("99,999")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("width", [640, 320])
def test_at_twice_and_four_times_the_size(browser: Browser, width: int) -> None:
    """WCAG 2.2, 1.4.4 and 1.4.10: a window of 1,280 pixels at 200 % and 400 % is one of 640 and 320."""
    with console(_answers()) as port, tab(browser, f"http://127.0.0.1:{port}/", width=width) as opened:
        opened.check()
