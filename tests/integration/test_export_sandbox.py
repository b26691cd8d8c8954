"""The stand-in of the Export API answers as Amplitude documents, beside the stand-in of AppsFlyer."""

import gzip
import http.client
import io
import zipfile
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from connectors.appsflyer.sandbox import SandboxServer
from connectors.export_api.sandbox import ExportSandbox
from connectors.export_api.settings import EXPORT_PATH
from examples.sample_archive import generate
from tests.fixtures.events import order
from tests.fixtures.exports import export_archive

KEYS = ("api-key", "secret-key")
EVENTS = {"2025-12-31T23": [order(1), order(2)], "2026-01-01T00": [order(3)]}
BOTH = "start=20251231T23&end=20260101T00"


def ask(
    tmp_path: Path, query: str, keys: tuple[str, str] | None = KEYS, method: str = "GET"
) -> tuple[int, bytes, SandboxServer]:
    sandbox = ExportSandbox([export_archive(tmp_path / "all.zip", EVENTS)], KEYS)
    with SandboxServer.in_thread(others={EXPORT_PATH: sandbox.answer}) as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
        headers = {} if keys is None else {"Authorization": f"Basic {b64encode(':'.join(keys).encode()).decode()}"}
        connection.request(method, f"{EXPORT_PATH}?{query}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert server.summary()["requests"] == 0, "it is no request to AppsFlyer"
        return answer.status, body, server


def rows(body: bytes) -> list[int]:
    """Return the numbers of the events in a zip of gzipped lines, in their order."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        lines = [line for name in archive.namelist() for line in gzip.decompress(archive.read(name)).splitlines()]
    return [orjson.loads(line)["event_properties"]["number"] for line in lines]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (BOTH, [1, 2, 3]),
        ("start=20251231T23&end=20251231T23", [1, 2]),
        ("start=20260101T00&end=20260101T05", [3]),
    ],
)
def test_both_ends_of_the_time_are_included(tmp_path: Path, query: str, numbers: list[int]) -> None:
    """Amplitude, Export API: T00 to T23 is a whole day."""
    status, body, _ = ask(tmp_path, query)
    assert (status, rows(body)) == (200, numbers)


@pytest.mark.parametrize(
    ("query", "keys", "method", "status"),
    [
        (BOTH, None, "GET", 401),
        (BOTH, ("api-key", "other"), "GET", 403),
        (BOTH, ("other", "secret-key"), "GET", 403),
        ("start=20260101T01&end=20260101T01", KEYS, "GET", 404),
        ("start=20260101T00&end=20251231T23", KEYS, "GET", 400),
        ("start=20250101T00&end=20260102T00", KEYS, "GET", 400),
        ("start=2026-01-01T00&end=2026-01-01T00", KEYS, "GET", 400),
        ("start=20260101T25&end=20260101T25", KEYS, "GET", 400),
        ("start=20260101T00", KEYS, "GET", 400),
        (BOTH, KEYS, "POST", 405),
    ],
)
def test_what_cannot_be_exported_is_answered_as_documented(
    tmp_path: Path, query: str, keys: tuple[str, str] | None, method: str, status: int
) -> None:
    assert ask(tmp_path, query, keys, method)[0] == status


def test_it_says_which_hours_it_has(tmp_path: Path) -> None:
    """The sample archive has them, too, by the names of its members."""
    (tmp_path / "sample.zip").write_bytes(generate().archive())
    assert ExportSandbox([tmp_path / "sample.zip"]).span == "2026-01-15T09 to 2026-01-15T11"


def test_what_is_no_export_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "none.zip").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"none\.zip: cannot be read as a zip"):
        ExportSandbox([tmp_path / "none.zip"])
    with pytest.raises(ValueError, match=r"missing\.zip: cannot be read as a zip"):
        ExportSandbox([tmp_path / "missing.zip"])
    with pytest.raises(ValueError, match=r"empty\.zip: no file in it is named as Amplitude"):
        ExportSandbox([export_archive(tmp_path / "empty.zip", {})])
