"""Past events from the stand-in of Amplitude's Export API into archives, and through the stream to AppsFlyer's."""

import asyncio
import signal
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from connectors.appsflyer.sandbox import SandboxServer
from connectors.export_api.sandbox import ExportSandbox
from connectors.export_api.settings import EXPORT_PATH
from tests.fixtures.events import order
from tests.fixtures.exports import export_archive
from tests.fixtures.settings import files_source, settings_text
from tests.fixtures.stream import KEY, Stream

KEYS = {"PULL_API_KEY": "api-key-of-the-tests", "PULL_SECRET_KEY": "secret-key-of-the-tests"}
HOURS = ("2024-02-28T23", "2024-02-29T00", "2024-02-29T02")
"""Those with events."""
PULL = ("-m", "flows", "pull", "--from", HOURS[0], "--to", HOURS[-1])
EVENTS = {hour: [order(10 * place + each) for each in range(3)] for place, hour in enumerate(HOURS)}


class Amplitude:
    """The stand-in, which stops in the middle of the hours that are named."""

    def __init__(self, directory: Path, first_answers: Sequence[int]) -> None:
        archive = export_archive(directory / "all.zip", EVENTS)
        self.export = ExportSandbox([archive], (KEYS["PULL_API_KEY"], KEYS["PULL_SECRET_KEY"]), first_answers)
        self.stops_at = ""
        """The `start` of the request."""
        self.has_stopped = threading.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        whole = await self.export.answer(request)
        if request.query.get("start") != self.stops_at:
            return whole
        assert isinstance(whole.body, bytes)
        half = web.StreamResponse()
        half.content_length = len(whole.body)
        await half.prepare(request)
        await half.write(whole.body[: len(whole.body) // 2])
        self.has_stopped.set()
        await asyncio.Event().wait()  # until the client is gone
        return half


@contextmanager
def scene(stream: Stream, *first_answers: int) -> Iterator[tuple[SandboxServer, Amplitude]]:
    """Serve both stand-ins, and write the settings."""
    amplitude = Amplitude(stream.directory, first_answers)
    with SandboxServer.in_thread(keys=(KEY,), others={EXPORT_PATH: amplitude.answer}) as server:
        pull = {"api_key": "env:PULL_API_KEY", "secret_key": "env:PULL_SECRET_KEY", "endpoint": server.url}
        stream.configure(
            settings_text(files_source("exports/*.zip"), delivery={"endpoint": server.url}, pull=pull),
        )
        yield server, amplitude
    told = [text for run in stream.runs for text in (run.log, run.output) if any(key in text for key in KEYS.values())]
    assert not told, "a key is in what the commands wrote"


def numbers(requests: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of the events that arrived, sorted."""
    return sorted(orjson.loads(each["body"]["eventValue"])["number"] for each in requests)


def test_what_is_pulled_is_delivered_each_event_once(stream: Stream) -> None:
    """Though it was pulled twice: the second time nothing but the hour that had no data is asked for."""
    with scene(stream) as (server, amplitude):
        for asked in (4, 5):
            pulled = stream.start(*PULL, environment=KEYS)
            assert pulled.wait() == 0, pulled.log
            assert len(amplitude.export.requests) == asked
            assert "no data: 2024-02-29T01; the next pull asks for it again" in pulled.output
            assert 'paths = ["exports/*.zip"]' in pulled.output
        run = stream.start("-m", "flows", "run", "--settings", str(stream.directory / "stream.toml"))
        assert run.wait() == 0, run.log
        arrived = server.requests
    assert numbers(arrived) == sorted(10 * place + each for place in range(3) for each in range(3))
    assert [line.split(": ")[0] for line in stream.runs[0].log.splitlines()] == ["2024-02-28", "2024-02-29"]


def test_a_killed_pull_leaves_no_half_archive_and_the_next_one_goes_on(stream: Stream) -> None:
    """The stream that runs in between reads whole hours only."""
    exports = stream.directory / "exports"
    part = exports / ".2024-02-29T00.zip.part"
    with scene(stream) as (server, amplitude):
        amplitude.stops_at = "20240229T00"
        killed = stream.start(*PULL, environment=KEYS)
        assert amplitude.has_stopped.wait(30), killed.log
        killed.kill()
        assert part.exists()
        assert [each.name for each in exports.glob("*.zip")] == ["2024-02-28T23.zip"]
        first = stream.start("-m", "flows", "run", "--settings", str(stream.directory / "stream.toml"))
        assert first.wait() == 0, first.log
        assert numbers(server.requests) == [0, 1, 2]
        amplitude.stops_at = ""
        asked = len(amplitude.export.requests)
        again = stream.start(*PULL, environment=KEYS)
        assert again.wait() == 0, again.log
        assert [query for query, _ in amplitude.export.requests[asked:]] == [
            f"start={hour}&end={hour}" for hour in ("20240229T00", "20240229T01", "20240229T02")
        ]
        assert not part.exists()
        for path in exports.glob("*.zip"):
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None


def test_an_hour_that_cannot_be_had_is_exit_code_1_and_named(stream: Stream) -> None:
    with scene(stream, 200, 400):
        pulled = stream.start(*PULL, environment=KEYS)
        assert pulled.wait() == 1, pulled.log
    assert "2024-02-29T00: 400, the hour has more than 4 GB" in pulled.log
    assert "left out: 2024-02-29T00; Amplitude's export to Amazon S3 has it" in pulled.output
    assert "2 archives" in pulled.output


def test_an_interrupt_in_the_middle_of_an_archive_leaves_nothing_of_it(stream: Stream) -> None:
    """Ctrl-C is exit code 1, because not all of it is there."""
    with scene(stream) as (_, amplitude):
        amplitude.stops_at = "20240229T00"
        run = stream.start(*PULL, environment=KEYS)
        assert amplitude.has_stopped.wait(30), run.log
        run.process.send_signal(signal.SIGINT)
        assert run.wait() == 1, run.log
    assert run.log.endswith("\ninterrupted\n")
    assert sorted(each.name for each in (stream.directory / "exports").iterdir()) == ["2024-02-28T23.zip", "lock"]
