"""Erasure at AppsFlyer: requests are noted while the state still knows the person, sent, and asked about.

A request is never made a second time while it is open, because it is noted before it is sent, under the id that it is
sent with. What AppsFlyer did not take is sent again, by the same id, each time that this runs.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast
from uuid import uuid4

from connectors.appsflyer.mapped import USER_ID
from connectors.appsflyer.opendsr import (
    CUSTOMER_USER_ID,
    PATH,
    IdentityType,
    SubjectApp,
    SubjectIdentity,
    fingerprint,
    request_body,
    wanted,
)
from connectors.appsflyer.opendsr_answers import DsrAnswer, ErasureStatus, Reception, judge_request, judge_status
from connectors.delivery.engines.ask import ask
from connectors.ports import Endpoint
from connectors.secrets import Secret, SecretError
from connectors.state.erasures import ErasureNote, read_notes, remove_note, write_note
from connectors.state.layout import erasures_directory
from connectors.state.lock import lock_directory
from flows.domain.event import PLATFORMS, Platform
from flows.domain.sync import Sync
from flows.refusal import Refusal, refusing
from flows.settings.model import Settings

_ENDED: Final = frozenset({ErasureStatus.COMPLETED, ErasureStatus.CANCELED, ErasureStatus.GONE})


class AskedRequest(NamedTuple):
    """What came of one request."""

    note: ErasureNote
    """As it is noted now."""
    answer: DsrAnswer | None
    """None where AppsFlyer was not asked, because an answer before it holds for all."""


class AskedAppsFlyer(NamedTuple):
    """What came of all requests that are not ended."""

    outcomes: Sequence[AskedRequest]
    ended_before: int
    """So many were ended when this began."""

    @property
    def is_done(self) -> bool:
        """Whether AppsFlyer has every request, and has ended none without an erasure."""
        return all(
            not each.note.is_waiting
            and (each.answer is None or each.answer.reception is Reception.ACCEPTED)
            and each.note.progress != ErasureStatus.CANCELED
            for each in self.outcomes
        )


def api_token(settings: Settings) -> str:
    """Return the token. Raises Refusal where there is none."""
    place = f"{settings.path}: erasure.api_token"
    if settings.erasure.api_token is None:
        raise Refusal(f'{place}: missing; write api_token = "env:NAME" or "file:PATH" under [erasure]')
    with refusing(place, SecretError):
        return Secret(settings.erasure.api_token).value()


def reads_own_user_ids(sync: Sync) -> bool:
    """Return whether a sync sends another `customer_user_id` than Amplitude's user id, which is not remembered."""
    return any(name == USER_ID and paths != ("user_id",) for name, paths in sync.fields)


def subject_apps(settings: Settings) -> list[SubjectApp]:
    """Return the apps of all syncs, enabled or not: each may have been sent to."""
    return [
        SubjectApp(app_id, platform, not reads_own_user_ids(each.sync))
        for each in settings.syncs
        for platform in PLATFORMS
        if (app_id := each.sync.app_id(platform)) is not None
    ]


def note_requests(settings: Settings, identities: Collection[SubjectIdentity]) -> None:
    """Note the requests for these identities, beside those that are noted; the caller holds the directory's lock.

    A request that waits for an app that the settings no longer have is forgotten: its identity is asked for at the
    apps that they have now. Raises ValueError where a note is damaged, OSError.
    """
    directory = erasures_directory(settings.state.directory)
    new, gone = merged(read_notes(directory), identities, subject_apps(settings))
    submitted_time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    for app_id, identity in new:
        write_note(
            directory,
            ErasureNote(str(uuid4()), app_id, identity.type, identity.platform, submitted_time, identity.value),
        )
    for note in gone:
        remove_note(directory, note)


def merged(
    notes: Collection[ErasureNote], identities: Collection[SubjectIdentity], apps: Collection[SubjectApp]
) -> tuple[list[tuple[str, SubjectIdentity]], list[ErasureNote]]:
    """Return which requests are to be noted, and which notes have no app any more. Pure."""
    waiting = [note for note in notes if note.is_waiting]
    all_wanted = wanted({*identities, *map(_identity, waiting)}, apps)
    there = {(note.app_id, _identity(note)) for note in waiting}
    # An open request is known by its hash alone.
    unknown = all_wanted - there
    has_open = {
        (app_id, identity)
        for app_id, identity in unknown
        for note in notes
        if note.is_open and note.fingerprint == fingerprint(note.id, app_id, identity)
    }
    gone = [note for note in waiting if (note.app_id, _identity(note)) not in all_wanted]
    return sorted(unknown - has_open, key=str), gone


def ask_appsflyer(settings: Settings, token: str) -> AskedAppsFlyer:
    """Send what waits, and ask for the status of what is open.

    It stops at an answer that any other request would get, too. Raises StateInUseError where another process does the
    same, ValueError where a note is damaged, OSError.
    """
    directory = erasures_directory(settings.state.directory)
    url = settings.erasure.endpoint + PATH
    outcomes: list[AskedRequest] = []
    with _locked(settings):
        note_requests(settings, ())  # the apps may be other ones since
        notes = read_notes(directory)
        stopped = False
        for note in sorted(notes, key=lambda note: not note.is_waiting):  # what waits goes first
            if not (note.is_waiting or note.is_open):
                continue
            if stopped:
                outcomes.append(AskedRequest(note, None))
                continue
            if note.is_waiting:
                body = request_body(note.id, note.app_id, _identity(note), note.submitted_time)
                reply = ask(Endpoint(url, token), settings.delivery, body)
                answer = judge_request(reply.status, reply.text, is_html=reply.is_html)
            else:
                reply = ask(Endpoint(f"{url}/{note.id}", token), settings.delivery)
                answer = judge_status(reply.status, reply.text, is_html=reply.is_html)
            after = noted_after(note, answer)
            if after != note:
                write_note(directory, after)
            outcomes.append(AskedRequest(after, answer))
            stopped = answer.is_general
    return AskedAppsFlyer(outcomes, sum(not (note.is_waiting or note.is_open) for note in notes))


def noted_after(note: ErasureNote, answer: DsrAnswer) -> ErasureNote:
    """Return what is noted of a request after an answer. Pure.

    Of the person, it keeps no more than it takes to send the request again, or to know that it is open.
    """
    if answer.reception is Reception.REFUSED:
        return note._replace(identity=None, fingerprint=None, progress=Reception.REFUSED.value)
    if answer.progress is None or (note.is_waiting and answer.reception is not Reception.ACCEPTED):
        return note
    note = note._replace(progress=answer.progress.value, expected_time=answer.expected_time or note.expected_time)
    if answer.progress in _ENDED:
        return note._replace(identity=None, fingerprint=None)
    if note.is_waiting:
        return note._replace(identity=None, fingerprint=fingerprint(note.id, note.app_id, _identity(note)))
    return note


def user_identity(user_id: str) -> SubjectIdentity:
    """Return the identity of a user: what the stream has sent as `customer_user_id`."""
    return SubjectIdentity(CUSTOMER_USER_ID, user_id)


def _identity(note: ErasureNote) -> SubjectIdentity:
    return SubjectIdentity(
        cast("IdentityType", note.identity_type), note.identity or "", cast("Platform | None", note.platform)
    )


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    descriptor = lock_directory(erasures_directory(settings.state.directory))
    try:
        yield
    finally:
        os.close(descriptor)
