"""Which requests for erasure are noted, and what is kept of a person after each answer: pure rules."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.opendsr import SubjectApp, SubjectIdentity, wanted
from connectors.appsflyer.opendsr_answers import DsrAnswer, ErasureStatus, Reception
from connectors.state.erasures import ErasureNote
from flows.operations.erasure import merged, noted_after

IDENTITIES = st.sets(
    st.builds(
        SubjectIdentity,
        st.sampled_from(["appsflyer_id", "customer_user_id"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["ios", "android", None]),
    ),
    max_size=5,
)
APPS = st.lists(
    st.sampled_from(
        [
            SubjectApp("id1", "ios", has_user_ids=True),
            SubjectApp("id2", "ios", has_user_ids=False),
            SubjectApp("c.d", "android", has_user_ids=True),
        ]
    ),
    max_size=3,
)
ANSWERS = st.builds(
    DsrAnswer, st.sampled_from(Reception), st.just("said"), progress=st.none() | st.sampled_from(ErasureStatus)
)
ACCEPTED = DsrAnswer(Reception.ACCEPTED, "accepted", progress=ErasureStatus.PENDING)


def noted(requests: list[tuple[str, SubjectIdentity]]) -> list[ErasureNote]:
    return [
        ErasureNote(str(uuid4()), app_id, each.type, each.platform, "2026-11-29T16:00:00Z", each.value)
        for app_id, each in requests
    ]


@given(IDENTITIES, APPS)
def test_a_repetition_notes_nothing_twice_whether_taken_or_not(
    identities: set[SubjectIdentity], apps: list[SubjectApp]
) -> None:
    """A request that waits is recognised by its identity, one that is open by its hash."""
    new, gone = merged([], identities, apps)
    assert gone == []
    assert set(new) == wanted(identities, apps)
    waiting = noted(new)
    assert merged(waiting, identities, apps) == ([], [])
    assert merged([noted_after(each, ACCEPTED) for each in waiting], identities, apps) == ([], [])


@given(IDENTITIES, APPS)
def test_a_request_that_has_ended_is_made_anew(identities: set[SubjectIdentity], apps: list[SubjectApp]) -> None:
    """AppsFlyer may have learned of the person again."""
    new, _ = merged([], identities, apps)
    for progress in (ErasureStatus.COMPLETED, ErasureStatus.CANCELED, ErasureStatus.GONE):
        ended = [noted_after(noted_after(each, ACCEPTED), ACCEPTED._replace(progress=progress)) for each in noted(new)]
        assert merged(ended, identities, apps)[0] == new


@given(IDENTITIES, APPS, APPS)
def test_what_waits_for_an_app_that_is_gone_is_asked_for_at_those_that_are_there(
    identities: set[SubjectIdentity], before: list[SubjectApp], after: list[SubjectApp]
) -> None:
    """As where an app id in the settings was wrong (e411): the state has forgotten the person by now."""
    waiting = noted(merged([], identities, before)[0])
    new, gone = merged(waiting, (), after)
    ids = {app.id for app in after if app.has_user_ids}
    assert all(note.app_id not in ids for note in gone)
    known = {SubjectIdentity(note.identity_type, note.identity or "", note.platform) for note in waiting}  # type: ignore[arg-type]
    assert {(note.app_id, note.identity) for note in waiting if note not in gone} | {
        (app_id, each.value) for app_id, each in new
    } == {(app_id, each.value) for app_id, each in wanted(known, after)}


@given(st.lists(ANSWERS, max_size=4))
def test_an_identity_is_kept_exactly_as_long_as_it_is_to_be_sent(answers: list[DsrAnswer]) -> None:
    """Whatever comes in whatever order: once AppsFlyer has the request, or never will, the note names nobody."""
    (note,) = noted([("id1", SubjectIdentity("customer_user_id", "u-17", "ios"))])
    for answer in answers:
        before = note
        note = noted_after(note, answer)
        taken = answer.reception is Reception.ACCEPTED and answer.progress is not None
        if before.is_waiting:
            assert note.is_waiting == (not taken and answer.reception is not Reception.REFUSED)
        assert note.is_waiting or "u-17" not in str(note)
        assert not (note.is_waiting and note.is_open)
