"""Advice: every documented answer of AppsFlyer, and every way to get none, is explained in plain words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.advice import advice


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
        (0, "libcurl 60: SSL certificate problem", "certificate"),
        (0, "libcurl 28: Operation timed out", "may count twice"),
        (0, "libcurl 6: Could not resolve host", "DNS"),
        (0, "libcurl 7: refused", "firewall"),
        (0, "libcurl 35: handshake", "TLS"),
        (0, "libcurl 99: something", "no connection"),
        (0, "", "no connection"),
    ],
)
def test_each_answer_has_its_words(status: int, text: str, said: str) -> None:
    assert said in "\n".join(advice(status, text))


@given(st.integers(0, 999), st.text())
def test_it_is_total_and_never_repeats_the_answer(status: int, text: str) -> None:
    lines = advice(status, text)
    assert lines
    assert all(line.isprintable() for line in lines)
    assert len(text) < 20 or text not in "\n".join(lines)
