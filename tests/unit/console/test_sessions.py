"""Sessions and the limit of wrong tokens, by a clock that tests set."""

from hypothesis import given
from hypothesis import strategies as st

from flows.console.sessions import Sessions, same_token
from flows.console.sign_in_limit import WINDOW_SECONDS, WRONG_ATTEMPTS, SignInLimit


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_is_signed_in_with_the_token_of_then_for_twelve_hours() -> None:
    clock = _Clock()
    sessions = Sessions(clock)
    session = sessions.sign_in("a token")
    assert sessions.is_signed_in(session, "a token")
    assert not sessions.is_signed_in(session, "a new token")
    assert not sessions.is_signed_in(sessions.begin(), "a token")
    clock.now = 12 * 3600
    assert not sessions.is_signed_in(session, "a token")


def test_a_session_that_is_signed_out_is_out() -> None:
    sessions = Sessions()
    session = sessions.sign_in("a token")
    sessions.sign_out(session)
    assert not sessions.is_signed_in(session, "a token")


def test_sessions_take_bounded_memory_and_the_newest_stay() -> None:
    sessions = Sessions()
    signed_in = [sessions.sign_in("a token") for _ in range(1010)]
    assert [sessions.is_signed_in(each, "a token") for each in (signed_in[9], signed_in[10])] == [False, True]


@given(session=st.text(), other=st.text(), given_token=st.text())
def test_a_form_token_is_of_one_session_and_of_one_process(session: str, other: str, given_token: str) -> None:
    sessions = Sessions()
    token = sessions.form_token(session)
    assert sessions.is_form_token(session, token)
    assert sessions.is_form_token(other, token) == (session == other)
    assert not sessions.is_form_token(session, given_token)
    assert not Sessions().is_form_token(session, token)


@given(one=st.text(), two=st.text())
def test_tokens_are_the_same_if_their_texts_are(one: str, two: str) -> None:
    assert same_token(one, two) == (one == two)


def test_an_address_waits_after_some_wrong_tokens_and_others_do_not() -> None:
    clock = _Clock()
    limit = SignInLimit(clock)
    for _ in range(WRONG_ATTEMPTS):
        assert limit.wait_seconds("one") == 0
        limit.note_wrong("one")
    assert limit.wait_seconds("one") == WINDOW_SECONDS
    assert limit.wait_seconds("two") == 0
    clock.now = WINDOW_SECONDS
    assert limit.wait_seconds("one") == 0


def test_the_limit_takes_bounded_memory() -> None:
    limit = SignInLimit()
    for number in range(3000):
        limit.note_wrong(str(number))
    assert len(limit._wrong) == 1024
