"""OpenDSR's answers (AppsFlyer, OpenAPI of the OpenDSR API): what each documented code means for a request."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.opendsr_answers import ErasureStatus, Reception, judge_request, judge_status
from connectors.appsflyer.sandbox.opendsr_checks import MESSAGES, error

PERSON = "u-17-of-the-person"
STATUSES = st.sampled_from([0, 200, 201, 202, 204, 301, 400, 401, 403, 404, 429, 500, 503])


def coded(code: str, *, is_wrapped: bool = True) -> str:
    inner = {"code": 400, "message": f"{MESSAGES.get(code, 'other')}: {PERSON}", "af_gdpr_code": code}
    return orjson.dumps({"error": inner} if is_wrapped else inner).decode()


@pytest.mark.parametrize(
    ("code", "reception", "is_general"),
    [
        ("e213", Reception.ACCEPTED, False),
        ("e215", Reception.LATER, False),
        ("e317", Reception.CORRECT, False),
        ("e319", Reception.CORRECT, False),
        ("e321", Reception.REFUSED, False),
        ("e325", Reception.REFUSED, False),
        ("e411", Reception.CORRECT, False),
        ("e212", Reception.CORRECT, True),
        ("e413", Reception.CORRECT, True),
        ("e414", Reception.LATER, True),
        ("e511", Reception.LATER, True),
        ("e999", Reception.LATER, False),
    ],
)
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_each_code_means_what_the_reference_says(
    code: str, reception: Reception, *, is_general: bool, is_wrapped: bool
) -> None:
    """Both forms of an error are documented: wrapped for a request, bare for a batch and a cancellation."""
    answer = judge_request(400, coded(code, is_wrapped=is_wrapped))
    assert (answer.reception, answer.is_general) == (reception, is_general)
    assert code in answer.meaning
    assert answer.advice or reception in (Reception.ACCEPTED, Reception.REFUSED)


@pytest.mark.parametrize(
    ("status", "reception"),
    [
        (0, Reception.LATER),
        (401, Reception.CORRECT),
        (403, Reception.CORRECT),
        (404, Reception.CORRECT),
        (302, Reception.CORRECT),
        (429, Reception.LATER),
        (500, Reception.LATER),
        (503, Reception.LATER),
    ],
)
def test_a_status_without_a_code_holds_for_every_request(status: int, reception: Reception) -> None:
    for answer in (judge_request(status, "libcurl 7: refused"), judge_status(status, "")):
        assert (answer.reception, answer.is_general) == (reception, True)
        assert answer.advice


def test_201_is_taken_with_its_expected_time_and_also_where_its_body_is_cut_off() -> None:
    text = orjson.dumps({"subject_request_id": "1", "expected_completion_time": "2026-12-09T16:00:00Z"}).decode()
    assert judge_request(201, text).expected_time == "2026-12-09T16:00:00Z"
    assert judge_request(201, text[:-5]).reception is Reception.ACCEPTED
    assert judge_request(200, text).reception is Reception.ACCEPTED


@pytest.mark.parametrize("status", [200, 201])
def test_a_web_page_is_no_answer_of_appsflyers(status: int) -> None:
    for judge in (judge_request, judge_status):
        answer = judge(status, "<!doctype html><title>Sign in</title>", is_html=True)
        assert (answer.reception, answer.is_general) == (Reception.CORRECT, True)


@pytest.mark.parametrize("said", ["pending", "in-progress", "completed", "canceled", "in_progress"])
def test_each_status_is_read(said: str) -> None:
    answer = judge_status(200, orjson.dumps({"request_status": said}).decode())
    assert answer.progress == said.replace("_", "-")


def test_a_status_that_is_not_known_ends_nothing() -> None:
    for text in ('{"request_status":"gone"}', '{"request_status":7}', "{}", "[]", ""):
        assert judge_status(200, text).progress is None


def test_a_request_that_appsflyer_no_longer_has_is_gone() -> None:
    assert judge_status(400, coded("e214")).progress is ErasureStatus.GONE


@given(STATUSES, st.sampled_from(["", PERSON, *map(coded, MESSAGES)]) | st.text(max_size=50), st.booleans())
def test_whatever_is_answered_nothing_of_it_is_repeated(status: int, text: str, is_html: bool) -> None:  # noqa: FBT001
    """AppsFlyer's message, and the page of something in its place, may hold an identity."""
    for judge in (judge_request, judge_status):
        answer = judge(status, text, is_html=is_html)
        assert PERSON not in str(answer)
        assert (
            answer.progress is None or answer.reception is Reception.ACCEPTED or answer.progress is ErasureStatus.GONE
        )


@given(st.recursive(st.none() | st.text(max_size=5) | st.integers(0, 999), lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["error", "af_gdpr_code", "request_status", "expected_completion_time"]),
                         inner, max_size=3), max_leaves=6), STATUSES)  # fmt: skip
def test_any_json_has_a_meaning(content: object, status: int) -> None:
    text = orjson.dumps(content).decode()
    assert judge_request(status, text).meaning
    assert judge_status(status, text).meaning


def test_the_stand_in_gives_codes_that_are_understood() -> None:
    for code in MESSAGES:
        reply = error(code)
        assert isinstance(reply.content, dict)
        assert code in judge_request(reply.status, orjson.dumps(reply.content).decode()).meaning
