"""AppsFlyer's answers → what becomes of the event.

Source: AppsFlyer, OpenAPI of the S2S events API (api3), responses; for the statuses that it does not list, RFC 9110.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.classify import DEAD_LETTER_REASONS, Verdict, classify
from flows.steps.outcome import DeadLetterReason

EVERY_STATUS = range(1001)


@given(st.text())
def test_nothing_but_200_is_a_delivery(text: str) -> None:
    """Total over all statuses and texts; «OK» in the body of anything else proves nothing."""
    for status in EVERY_STATUS:
        verdict = classify(status, text).verdict
        assert (verdict is Verdict.DELIVERED) == (status == 200)


@given(st.integers(), st.text() | st.sampled_from(["OK", '"OK"', "Failed to Authenticate", "app_id"]))
def test_any_integer_and_text_is_classified_in_words(status: int, text: str) -> None:
    """It never raises, and always says why."""
    classified = classify(status, text)
    assert classified.meaning
    assert (classified.verdict is Verdict.DELIVERED) == (status == 200)


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
    assert classify(status, text).verdict is verdict


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
        (201, Verdict.REJECTED),
        (202, Verdict.REJECTED),
        (204, Verdict.REJECTED),
        (301, Verdict.REJECTED),
        (307, Verdict.REJECTED),
        (399, Verdict.REJECTED),
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
    assert classify(status, "").verdict is verdict


@pytest.mark.parametrize("text", ["Failed to Authenticate", "app_id"])
def test_the_text_counts_only_beside_a_400(text: str) -> None:
    """Status first; the body is a hint (its content type was seen to be application/octet-stream)."""
    verdicts = {status: classify(status, text).verdict for status in EVERY_STATUS}
    plain = {status: classify(status, "").verdict for status in EVERY_STATUS}
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
    assert classify(400, text).verdict is Verdict.CREDENTIALS


@pytest.mark.parametrize("text", ["appsflyer_id is wrong", "app_set_id is wrong", "bad appid"])
def test_other_identifiers_are_not_taken_for_the_app_id(text: str) -> None:
    """A wrong identifier is the event's fault: one such event must not stop the whole app."""
    assert classify(400, text).verdict is Verdict.REJECTED


def test_the_403_says_all_that_it_may_mean() -> None:
    """The spec says the «Zero» plan, earlier versions a wrong app id, AppsFlyer's staff a wrong key or the quota."""
    meaning = classify(403, "Forbidden").meaning
    for word in ("plan", "key", "app id", "quota"):
        assert word in meaning


def test_every_verdict_but_delivered_has_a_dead_letter_reason() -> None:
    assert DEAD_LETTER_REASONS == {
        Verdict.RETRY: DeadLetterReason.RETRIES_EXHAUSTED,
        Verdict.REJECTED: DeadLetterReason.REJECTED,
        Verdict.CREDENTIALS: DeadLetterReason.CREDENTIALS_REJECTED,
    }
