"""Pull on real sockets: each documented answer, what breaks off, what is there, and who must not get the keys."""

import asyncio
import io
import threading
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.appsflyer.sandbox import SandboxServer
from connectors.export_api.answers import ExportAnswer
from connectors.export_api.client import ExportClient
from connectors.export_api.hours import name_of, parse_hour
from connectors.export_api.sandbox import ExportSandbox
from connectors.export_api.settings import EXPORT_PATH
from flows.operations.pull import HourDone, HourOutcome, Pause, PullPlan, plan_pull, pull
from flows.refusal import ExitCode, Refusal
from flows.settings.file import parse
from tests.fixtures.events import order
from tests.fixtures.exports import export_archive

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

KEYS = ("api-key-of-the-tests", "secret-key-of-the-tests")
NOW = datetime(2026, 11, 3, tzinfo=UTC)
HOURS = ("2026-10-31T23", "2026-11-01T00", "2026-11-01T02")
"""Those with data."""


@dataclass
class Puller:
    """A directory to pull into."""

    directory: Path
    endpoint: str
    waits: list[Pause] = field(default_factory=list)

    def plan(self, first: str = HOURS[0], last: str | None = HOURS[-1]) -> PullPlan:
        text = f"""
            [source]
            kind = "files"
            paths = ["exports/*.zip"]
            [pull]
            api_key = "env:PULL_API_KEY"
            secret_key = "env:PULL_SECRET_KEY"
            endpoint = "{self.endpoint}"
            [[sync]]
            name = "production"
            ios_app_id = "id1"
            s2s_key = "env:KEY"
            events = "all"
        """
        settings = parse(text, self.directory / "stream.toml")
        return plan_pull(settings, parse_hour(first), None if last is None else parse_hour(last), NOW)

    def pull(self, first: str = HOURS[0], last: str = HOURS[-1]) -> dict[str, HourOutcome]:
        """Pull without waiting; return what became of each hour."""
        return {name_of(done.hour): done.outcome for done in self.pulled(first, last)}

    def pulled(self, first: str = HOURS[0], last: str = HOURS[-1]) -> tuple[HourDone, ...]:
        def on_step(step: object) -> None:
            if isinstance(step, Pause):
                self.waits.append(step)

        return pull(self.plan(first, last), on_step, sleep=lambda _: None)

    @property
    def there(self) -> list[str]:
        """The names of all files, but the lock."""
        return sorted(each.name for each in (self.directory / "exports").iterdir() if each.name != "lock")


@pytest.fixture(autouse=True)
def _keys_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULL_API_KEY", KEYS[0])
    monkeypatch.setenv("PULL_SECRET_KEY", KEYS[1])


@contextmanager
def serving(tmp_path: Path, answer: Answer) -> Iterator[Puller]:
    """Serve the path of the Export API with `answer`."""
    with SandboxServer.in_thread(others={EXPORT_PATH: answer}) as server:
        yield Puller(tmp_path, server.url)


@contextmanager
def amplitude(tmp_path: Path, *first_answers: int, keys: tuple[str, str] = KEYS) -> Iterator[tuple[Puller, Any]]:
    """Serve the stand-in, which has an event in each of HOURS."""
    archive = export_archive(tmp_path / "all.zip", {hour: [order(place)] for place, hour in enumerate(HOURS)})
    sandbox = ExportSandbox([archive], keys, first_answers)
    with serving(tmp_path, sandbox.answer) as puller:
        yield puller, sandbox


def test_each_hour_with_data_becomes_an_archive_and_the_others_are_named(tmp_path: Path) -> None:
    """One request for each hour, with Basic authorization, in the order of the hours; only whole archives are left."""
    with amplitude(tmp_path) as (puller, sandbox):
        assert puller.pull() == {
            "2026-10-31T23": HourOutcome.PULLED,
            "2026-11-01T00": HourOutcome.PULLED,
            "2026-11-01T01": HourOutcome.NO_DATA,
            "2026-11-01T02": HourOutcome.PULLED,
        }
        assert sandbox.requests == [
            ("start=20261031T23&end=20261031T23", 200),
            ("start=20261101T00&end=20261101T00", 200),
            ("start=20261101T01&end=20261101T01", 404),
            ("start=20261101T02&end=20261101T02", 200),
        ]
    assert puller.there == [f"{hour}.zip" for hour in HOURS]
    for hour in HOURS:
        with zipfile.ZipFile(tmp_path / f"exports/{hour}.zip") as archive:
            assert len(archive.namelist()) == 1
            assert archive.testzip() is None


def test_what_is_there_is_not_asked_for_again_and_what_had_no_data_is(tmp_path: Path) -> None:
    """«No data» may be «not ready yet»."""
    with amplitude(tmp_path) as (puller, sandbox):
        puller.pull(last="2026-11-01T01")
        asked = len(sandbox.requests)
        assert puller.pull() == {
            "2026-10-31T23": HourOutcome.THERE,
            "2026-11-01T00": HourOutcome.THERE,
            "2026-11-01T01": HourOutcome.NO_DATA,
            "2026-11-01T02": HourOutcome.PULLED,
        }
        assert [query for query, _ in sandbox.requests[asked:]] == [
            "start=20261101T01&end=20261101T01",
            "start=20261101T02&end=20261101T02",
        ]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_for_again(tmp_path: Path, status: int) -> None:
    with amplitude(tmp_path, status, 200, status, status) as (puller, _):
        assert HourOutcome.LEFT_OUT not in puller.pull().values()
    assert [(name_of(each.hour), each.why[:3]) for each in puller.waits] == [
        ("2026-10-31T23", str(status)),
        ("2026-11-01T00", str(status)),
        ("2026-11-01T00", str(status)),
    ]
    assert puller.there == [f"{hour}.zip" for hour in HOURS]


def test_an_hour_that_is_too_large_is_left_out_and_the_others_are_pulled(tmp_path: Path) -> None:
    """400: no smaller part of it can be asked for."""
    with amplitude(tmp_path, 200, 400) as (puller, _):
        done = {name_of(each.hour): each for each in puller.pulled()}
    assert done["2026-11-01T00"].outcome is HourOutcome.LEFT_OUT
    assert "4 GB" in done["2026-11-01T00"].why
    assert puller.waits == []
    assert puller.there == ["2026-10-31T23.zip", "2026-11-01T02.zip"]


def test_an_hour_that_always_times_out_is_left_out_and_the_others_are_pulled(tmp_path: Path) -> None:
    """504: it is about the amount of this hour."""
    with amplitude(tmp_path, 504, 504, 504, 504, 504) as (puller, _):
        assert puller.pull()["2026-10-31T23"] is HourOutcome.LEFT_OUT
    assert len(puller.waits) == 4
    assert puller.there == ["2026-11-01T00.zip", "2026-11-01T02.zip"]


def test_a_server_that_stays_out_of_order_ends_it_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """It would be the same for every further hour."""
    with amplitude(tmp_path, 200, *[503] * 5) as (puller, sandbox):
        with pytest.raises(Refusal, match="stopped at 2026-11-01T00: 503, ") as ended:
            puller.pull()
        assert str(ended.value).endswith("\nthe same command goes on there")
        assert ended.value.code is ExitCode.FAILED
        assert puller.there == ["2026-10-31T23.zip"]
        assert HourOutcome.LEFT_OUT not in puller.pull().values()
        assert [query for query, _ in sandbox.requests].count("start=20261031T23&end=20261031T23") == 1


@pytest.mark.parametrize("keys", [("another", KEYS[1]), (KEYS[0], "another")])
def test_wrong_keys_end_it_at_once_and_are_never_shown(tmp_path: Path, keys: tuple[str, str]) -> None:
    with amplitude(tmp_path, keys=keys) as (puller, sandbox), pytest.raises(Refusal) as ended:
        puller.pull()
    assert ended.value.code is ExitCode.REFUSED
    assert "env:PULL_API_KEY and env:PULL_SECRET_KEY" in str(ended.value)
    assert not any(key in str(ended.value) for key in KEYS)
    assert len(sandbox.requests) == 1


def test_the_keys_are_in_no_message_though_the_answer_repeats_them(tmp_path: Path) -> None:
    async def repeat(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=400, text=f"{KEYS[0]} and {KEYS[1]} are wrong\x1b[2J")

    with serving(tmp_path, repeat) as puller:
        done = puller.pulled(last=HOURS[0])
    assert done[0].why == "400, the hour has more than 4 GB (*** and *** are wrong\\x1b[2J)"


def test_another_place_that_an_answer_names_does_not_get_the_keys(tmp_path: Path) -> None:
    with amplitude(tmp_path) as (puller, sandbox):
        place = f"{puller.endpoint}{EXPORT_PATH}"

        async def redirect(_: web.BaseRequest) -> web.StreamResponse:
            raise web.HTTPFound(place)

        with serving(tmp_path / "other", redirect) as other, pytest.raises(Refusal, match="302") as ended:
            other.pull()
    assert ended.value.code is ExitCode.FAILED
    assert sandbox.requests == []


@pytest.mark.parametrize("how", ["length", "chunked", "page"])
def test_what_is_no_whole_zip_is_never_an_archive(tmp_path: Path, how: str) -> None:
    """A transfer that breaks off, with its length known or not, and a network's sign-in page with status 200."""
    whole = export_archive(tmp_path / "all.zip", {HOURS[0]: [order(1)]}).read_bytes()
    seen: list[list[str]] = []
    puller: Puller

    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        if how == "page":
            return web.Response(text="<html>sign in", content_type="text/html")
        response = web.StreamResponse()
        if how == "length":
            response.content_length = len(whole)
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        seen.append(puller.there)
        assert request.transport is not None
        request.transport.close()
        return response

    with serving(tmp_path, broken) as puller:
        (tmp_path / "exports").mkdir()
        with pytest.raises(Refusal, match="stopped at 2026-10-31T23") as ended:
            puller.pull()
    assert ended.value.code is ExitCode.FAILED
    assert puller.there == []
    assert all(not name.endswith(".zip") or name.startswith(".") for names in seen for name in names)


def test_a_connection_that_is_refused_ends_it_with_its_reason(tmp_path: Path) -> None:
    with amplitude(tmp_path) as (puller, _):
        pass
    with pytest.raises(Refusal, match="no answer: Connection refused"):
        puller.pull()
    assert len(puller.waits) == 4


def test_an_answer_that_never_comes_is_none(tmp_path: Path) -> None:
    """Neither before the first byte nor in the middle is it waited for without end."""
    whole = export_archive(tmp_path / "all.zip", {HOURS[0]: [order(1)]}).read_bytes()

    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        if request.query["start"] == "20261031T23":
            await response.prepare(request)
            await response.write(whole[:100])
        await asyncio.Event().wait()
        return response

    with (
        SandboxServer.in_thread(others={EXPORT_PATH: silent}) as server,
        ExportClient(server.url, *KEYS, silence_seconds=0.2) as client,
    ):
        for hour in HOURS[:2]:
            exported = client.fetch(parse_hour(hour), io.BytesIO(), lambda _: None)
            assert (exported.answer, exported.status) == (ExportAnswer.UNAVAILABLE, 0)
            assert exported.text == "nothing came for too long"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_keys_go_to_whom_a_trusted_certificate_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_trusted: bool
) -> None:
    """`SSL_CERT_FILE` says which certificates are the system's."""
    archive = export_archive(tmp_path / "all.zip", {HOURS[0]: [order(1)]})
    sandbox = ExportSandbox([archive], KEYS)
    with SandboxServer.in_thread(others={EXPORT_PATH: sandbox.answer}, tls=tmp_path / "tls") as server:
        if is_trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        puller = Puller(tmp_path, server.url)
        if is_trusted:
            assert puller.pull(last=HOURS[0]) == {HOURS[0]: HourOutcome.PULLED}
        else:
            with pytest.raises(Refusal, match="the certificate is not to be trusted"):
                puller.pull()
            assert sandbox.requests == []


def test_a_zip_without_files_is_an_hour_without_data(tmp_path: Path) -> None:
    """The stream would take it for a damaged archive."""
    empty = export_archive(tmp_path / "empty.zip", {}).read_bytes()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=empty)

    with serving(tmp_path, answer) as puller:
        assert set(puller.pull().values()) == {HourOutcome.NO_DATA}
    assert puller.there == []


def test_two_pulls_never_write_one_directory(tmp_path: Path) -> None:
    """The second one is refused while the first waits for an answer."""
    asked, go_on = threading.Event(), threading.Event()

    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.to_thread(go_on.wait, 20)
        return web.Response(status=404)

    with serving(tmp_path, wait) as puller:
        first = threading.Thread(target=puller.pull, kwargs={"last": HOURS[0]})
        first.start()
        assert asked.wait(20)
        with pytest.raises(Refusal, match="another pull is under way") as ended:
            puller.pull()
        go_on.set()
        first.join()
    assert ended.value.code is ExitCode.REFUSED


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with amplitude(tmp_path) as (puller, sandbox):
        (tmp_path / "exports").write_text("a file in its place")
        with pytest.raises(Refusal, match="cannot be written") as refused:
            puller.pull()
        assert sandbox.requests == []
    assert str(refused.value).startswith("pull.directory: ")
    assert refused.value.code is ExitCode.REFUSED


def test_a_disk_that_takes_no_more_ends_it_and_leaves_no_half_archive(tmp_path: Path) -> None:
    """A directory in the place of the part stands for the disk: opening it for writing fails."""
    with amplitude(tmp_path) as (puller, _):
        (tmp_path / "exports/.2026-11-01T00.zip.part").mkdir(parents=True)
        with pytest.raises(Refusal, match="exports cannot be written") as ended:
            puller.pull()
    assert ended.value.code is ExitCode.FAILED
    assert [each for each in puller.there if not each.startswith(".")] == ["2026-10-31T23.zip"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-01T00", "2026-11-02T22", "--to: Amplitude has 2026-11-02T22 from 2026-11-03T01 on"),
        ("2026-11-02T22", "2026-11-02T23", "--from: Amplitude has 2026-11-02T22 from 2026-11-03T01 on"),
        ("2026-11-02T22", None, "--from: Amplitude has 2026-11-02T22 from 2026-11-03T01 on"),
        ("2026-11-01T01", "2026-11-01T00", "--from: 2026-11-01T01 is after 2026-11-01T00"),
        ("2014-11-11T23", "2026-11-01T00", "--from: Amplitude has events from before 2014-11-12T00 by the day"),
    ],
)
def test_hours_that_cannot_be_had_are_refused_before_anything_is_asked(
    tmp_path: Path, first: str, last: str | None, said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        Puller(tmp_path, "http://127.0.0.1:9").plan(first, last)
    assert str(refused.value).startswith(said)
    assert refused.value.code is ExitCode.REFUSED


def test_without_an_end_it_is_the_last_hour_that_amplitude_has(tmp_path: Path) -> None:
    assert name_of(Puller(tmp_path, "http://127.0.0.1:9").plan(last=None).last) == "2026-11-02T21"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PULL_API_KEY", "", "pull.api_key: environment variable PULL_API_KEY is not set"),
        ("PULL_API_KEY", "a:b", "pull.api_key: there is a colon in env:PULL_API_KEY"),
        ("PULL_SECRET_KEY", "a b", "pull.secret_key: environment variable PULL_SECRET_KEY holds blanks"),
    ],
)
def test_keys_that_cannot_be_sent_are_refused_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Refusal) as refused:
        Puller(tmp_path, "http://127.0.0.1:9").plan()
    assert said in str(refused.value)


def test_the_keys_are_in_no_repr(tmp_path: Path) -> None:
    """A traceback, or a log, may show a plan."""
    assert not any(key in repr(Puller(tmp_path, "http://127.0.0.1:9").plan()) for key in KEYS)
