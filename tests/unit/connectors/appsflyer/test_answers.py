"""AppsFlyer's answers → what becomes of the event.

Source: AppsFlyer, OpenAPI of the S2S events API (api3), responses; for the statuses that it does not list, RFC 9110.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.answers import DEAD_LETTER_REASONS, UNUSUAL, Overload, Verdict, judge
from connectors.appsflyer.page import is_page
from flows.domain.fate import DeadLetterReason

EVERY_STATUS = range(1001)


texts = st.text() | st.sampled_from(["OK", '"OK"', "Failed to Authenticate", "app_id", "<html>", "\ufeff<!-- -->"])


@given(texts, st.booleans())
def test_nothing_but_200_is_a_delivery(text: str, is_html: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """Total over all statuses and texts; «OK» in the body of anything else proves nothing; a page is no delivery."""
    for status in EVERY_STATUS:
        verdict = judge(status, text, is_html).verdict
        assert (verdict is Verdict.DELIVERED) == (status == 200 and not is_page(text, is_html=is_html))


@given(st.integers(), texts, st.booleans())
def test_any_integer_and_text_is_judged_in_words(status: int, text: str, is_html: bool) -> None:  # noqa: FBT001
    """It never raises, and always says why."""
    row = judge(status, text, is_html)
    assert row.meaning
    assert row.verdict is not Verdict.DELIVERED or status == 200


PAGES = [
    "<!doctype html><title>Sign in</title>",
    "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>",
    "<html lang=en>",
    "<HTML>",
    "\ufeff<html>",
    "\r\n\t <html>",
    "<!-- a portal's -->\n<html>",
    "<!-- " + "x" * 3000,
    "<head><meta http-equiv=refresh content='0;url=http://portal.example/'></head>",
    "<body onload='go()'>",
    "<script>location='http://portal.example/'</script>",
    "<meta http-equiv=refresh>",
    "<h1>Blocked</h1>",
    "<center>",
    '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN"><html/>',
    '<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"/>',
    '<?xml version="1.0"?><WISPAccessGatewayParam/>',
    "<html>".encode("utf-16").decode("utf-8", "replace"),
]


@pytest.mark.parametrize("page", PAGES)
def test_a_200_whose_body_is_a_page_is_no_delivery(page: str) -> None:
    """AppsFlyer never answers with markup; a network's sign-in page does (WHATWG, MIME Sniffing)."""
    assert judge(200, page).verdict is Verdict.INTERCEPTED
    assert "page" in judge(200, page).meaning


@pytest.mark.parametrize(
    ("text", "is_html", "verdict"),
    [
        ("Please sign in to the network", True, Verdict.INTERCEPTED),
        ("\x1f\ufffd\x08", True, Verdict.INTERCEPTED),
        ("OK", True, Verdict.DELIVERED),
        ('"ok"', True, Verdict.DELIVERED),
        ("", True, Verdict.DELIVERED),
        ("Please sign in to the network", False, Verdict.DELIVERED),
    ],
)
def test_the_content_type_makes_a_page_of_a_200(text: str, is_html: bool, verdict: Verdict) -> None:  # noqa: FBT001
    """But not of AppsFlyer's own word, which many servers label so, nor of nothing."""
    assert judge(200, text, is_html).verdict is verdict


@pytest.mark.parametrize("text", ["OK", "ok", '"OK"', "ok\n", "", "\ufeffOK"])
def test_the_documented_text_is_usual(text: str) -> None:
    assert judge(200, text) is not UNUSUAL
    assert judge(200, text).meaning == "accepted"


@pytest.mark.parametrize("text", ["accepted", '{"status":"ok"}', "1 < 2", "success <3"])
def test_another_text_is_a_delivery_and_is_told_apart(text: str) -> None:
    """AppsFlyer may change its «OK»."""
    assert judge(200, text) is UNUSUAL


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 407, 410, 413, 415, 421, 451, 498, 301, 204, 511])
@pytest.mark.parametrize(("text", "is_html"), [("<html><h1>no</h1>", False), ("go away", True)])
def test_a_page_beside_an_error_speaks_of_the_way(status: int, text: str, is_html: bool) -> None:  # noqa: FBT001
    """A proxy's or a firewall's page for a 404 or 403 says nothing of the event, nor of the key."""
    assert judge(status, text, is_html).verdict is Verdict.INTERCEPTED


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_page_beside_what_may_pass_is_tried_again(status: int) -> None:
    """Load balancers say 502, 503 and 504 with a page."""
    assert judge(status, "<html><h1>Bad Gateway</h1>", is_html=True).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (200, "OK", Verdict.DELIVERED),
        (200, "", Verdict.DELIVERED),
        (400, "Failed to Authenticate", Verdict.CREDENTIALS),
        (400, "appsflyer_id is a mandatory field", Verdict.REJECTED),
        (400, "Bad request", Verdict.REJECTED),
        (400, "Payload is missing or failed to parse", Verdict.REJECTED),
        (400, "app_id does not match the token", Verdict.CREDENTIALS),
        (400, "", Verdict.REJECTED),
        (401, "Unauthorized", Verdict.CREDENTIALS),
        (403, "Forbidden", Verdict.CREDENTIALS),
        (500, "Internal Server Error", Verdict.RETRY),
    ],
)
def test_every_row_of_the_specification(status: int, text: str, verdict: Verdict) -> None:
    """The api3 spec's statuses and texts, one by one: a wrong key, app id or plan is not the event's fault."""
    assert judge(status, text).verdict is verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (404, Verdict.REJECTED),
        (413, Verdict.REJECTED),
        (415, Verdict.REJECTED),
        (408, Verdict.RETRY),
        (425, Verdict.RETRY),
        (429, Verdict.RETRY),
        (501, Verdict.RETRY),
        (502, Verdict.RETRY),
        (503, Verdict.RETRY),
        (504, Verdict.RETRY),
        (599, Verdict.RETRY),
        (201, Verdict.INTERCEPTED),
        (202, Verdict.INTERCEPTED),
        (204, Verdict.INTERCEPTED),
        (301, Verdict.INTERCEPTED),
        (307, Verdict.INTERCEPTED),
        (399, Verdict.INTERCEPTED),
        (308, Verdict.INTERCEPTED),
        (407, Verdict.INTERCEPTED),
        (421, Verdict.INTERCEPTED),
        (511, Verdict.INTERCEPTED),
        (402, Verdict.REJECTED),
        (410, Verdict.REJECTED),
        (451, Verdict.REJECTED),
        (600, Verdict.REJECTED),
        (0, Verdict.RETRY),
        (100, Verdict.RETRY),
        (199, Verdict.RETRY),
    ],
)
def test_statuses_that_the_specification_does_not_list(status: int, verdict: Verdict) -> None:
    """404, 413, 415 are permanent; 408, 429, 5xx and no final answer pass; a redirect or a proxy's answer is none."""
    assert judge(status, "").verdict is verdict


@pytest.mark.parametrize("text", ["Failed to Authenticate", "app_id"])
def test_the_text_counts_only_beside_a_400(text: str) -> None:
    """Status first; the body is a hint (its content type was seen to be application/octet-stream)."""
    verdicts = {status: judge(status, text).verdict for status in EVERY_STATUS}
    plain = {status: judge(status, "").verdict for status in EVERY_STATUS}
    assert {status for status in EVERY_STATUS if verdicts[status] is not plain[status]} == {400}


@pytest.mark.parametrize(
    "text",
    [
        '"Failed to Authenticate"',
        "FAILED TO AUTHENTICATE",
        '{"error": "failed to authenticate"}',
        "\ufeffFailed to Authenticate\r\n",
    ],
)
def test_the_text_is_found_in_any_case_and_quoting(text: str) -> None:
    """The spec declares its bodies to be JSON strings; servers quote them or do not."""
    assert judge(400, text).verdict is Verdict.CREDENTIALS


@pytest.mark.parametrize("text", ["appsflyer_id is wrong", "app_set_id is wrong", "bad appid"])
def test_other_identifiers_are_not_taken_for_the_app_id(text: str) -> None:
    """A wrong identifier is the event's fault: one such event must not stop the whole app."""
    assert judge(400, text).verdict is Verdict.REJECTED


def test_the_403_says_all_that_it_may_mean() -> None:
    """The spec says the «Zero» plan, earlier versions a wrong app id, AppsFlyer's staff a wrong key or the quota."""
    meaning = judge(403, "Forbidden").meaning
    for word in ("plan", "key", "app id", "quota"):
        assert word in meaning


def test_every_verdict_but_delivered_has_a_dead_letter_reason() -> None:
    assert DEAD_LETTER_REASONS == {
        Verdict.RETRY: DeadLetterReason.RETRIES_EXHAUSTED,
        Verdict.REJECTED: DeadLetterReason.REJECTED,
        Verdict.CREDENTIALS: DeadLetterReason.CREDENTIALS_REJECTED,
        Verdict.INTERCEPTED: DeadLetterReason.RETRIES_EXHAUSTED,
    }


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, "OK", "no proof"),
        (400, "Failed to Authenticate", "key is wrong"),
        (400, '"failed to authenticate"', "Security center"),
        (400, "appsflyer_id is a mandatory field", "getAppsFlyerUID"),
        (400, "Bad request", "at least one of AppsFlyer's checks"),
        (400, "Payload is missing or failed to parse", "cannot read the body"),
        (400, "app_id does not match", "does not belong to the key"),
        (401, "Unauthorized", "not the S2S key"),
        (403, "Forbidden", "«Zero» plan"),
        (403, "", "wrong type"),
        (403, "", "quota"),
        (404, "", "app id"),
        (408, "", "timed out"),
        (413, "", "max_body_bytes"),
        (415, "", "proxy"),
        (425, "", "too early"),
        (429, "", "too many requests"),
        (302, "", "redirect"),
        (200, "<html>Sign in", "no delivery"),
        (404, "<!doctype html>", "in AppsFlyer's place"),
        (200, "accepted", "Is it AppsFlyer"),
        (204, "", "Only a 200"),
        (407, "", "delivery.proxy"),
        (421, "", "does not answer for"),
        (511, "", "sign-in"),
        (503, "<html>", "tries again"),
        (500, "Internal Server Error", "a plainer one"),
        (503, "", "tries again"),
        (418, "", "does not document"),
        (0, "libcurl 99: something", "no connection"),
        (0, "", "no connection"),
    ],
)
def test_each_answer_has_its_advice(status: int, text: str, said: str) -> None:
    assert said in "\n".join(judge(status, text).advice)


@given(st.integers(0, 999), st.text())
def test_the_advice_is_total_and_never_repeats_the_answer(status: int, text: str) -> None:
    lines = judge(status, text).advice
    assert lines
    assert all(line.isprintable() for line in lines)
    assert len(text) < 20 or text not in "\n".join(lines)


def test_what_says_that_too_much_is_sent() -> None:
    """429 can mean nothing else (RFC 6585); a 503 may come from a server that is broken (RFC 9110)."""
    said = {status: judge(status, "").overload for status in EVERY_STATUS}
    assert {status for status in said if said[status] is not Overload.NO} == {429, 503}
    assert said[429] is Overload.CERTAIN
    assert said[503] is Overload.POSSIBLE


def test_what_proves_that_the_app_and_its_key_are_right() -> None:
    """AppsFlyer has read the event, and takes it or not."""
    for status, text in [(200, "OK"), (200, "fine"), (400, "Bad request"), (400, "payload is missing")]:
        assert judge(status, text).proves_alive
    for status, text in [(400, "failed to authenticate"), (400, "<html>"), (401, ""), (404, ""), (500, ""), (0, "")]:
        assert not judge(status, text).proves_alive


def test_what_one_event_alone_may_get() -> None:
    """AppsFlyer, api3: «500: verify that the JSON is stringified». A firewall may dislike one event: 403, a page."""
    for status, text in [(500, "Internal Server Error"), (403, "Forbidden"), (200, "<html>"), (302, "")]:
        assert judge(status, text).may_be_poison
    for status, text in [(500, "<html>"), (401, ""), (429, ""), (502, ""), (503, ""), (0, "")]:
        assert not judge(status, text).may_be_poison
