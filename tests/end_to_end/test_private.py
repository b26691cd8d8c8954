"""What the stream stores is its account's alone, whatever the umask says."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.state.private import keep_private, take_from_others
from examples.sample_archive import settings_text
from tests.fixtures.stream import Stream

_OTHERS = 0o077


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let everybody read what is made, as some systems do."""
    before = os.umask(0)
    yield
    os.umask(before)


def _open_to_others(directory: Path) -> list[str]:
    return [
        f"{stat.filemode(path.stat().st_mode)} {path.relative_to(directory)}"
        for path in (directory, *directory.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & _OTHERS
    ]


@pytest.mark.usefixtures("open_umask")
def test_state_and_dead_letters_of_a_run_are_private(stream: Stream) -> None:
    """Recovery store, journal, lock and letters: directories 0700, files 0600, in spite of a umask of 0."""
    events = [
        {"event_type": "Sign Up", "user_id": "a", "platform": "iOS", "user_properties": {"appsflyer_id": "1-1"}},
        {"event_type": "Sign Up"},
    ]
    (stream.directory / "sample.json").write_bytes(b"\n".join(map(orjson.dumps, events)))
    with SandboxServer.in_thread() as sandbox:
        stream.configure(settings_text("sample.json", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY"))
        run = stream.start("-m", "flows", "run")
        assert run.wait() == 0, run.log
    assert list((stream.directory / "state").rglob("part-*.sqlite3"))
    assert list((stream.directory / "letters").glob("*.ndjson"))
    assert _open_to_others(stream.directory / "state") == []
    assert _open_to_others(stream.directory / "letters") == []


@pytest.mark.usefixtures("open_umask")
def test_the_sandboxs_record_and_key_are_private(tmp_path: Path) -> None:
    """It may be tried with events of real people; its certificate is for everybody."""
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "server.key").write_text("of an earlier version, readable for everybody")
    with SandboxServer.in_thread(record=tmp_path / "record", tls=tmp_path / "tls"):
        assert (tmp_path / "record").stat().st_mode & _OTHERS == 0
        assert (tmp_path / "tls" / "server.key").stat().st_mode & _OTHERS == 0
        assert (tmp_path / "tls" / "ca.pem").stat().st_mode & stat.S_IROTH


@pytest.mark.usefixtures("open_umask")
def test_what_an_earlier_version_has_made_is_closed_to_others(tmp_path: Path) -> None:
    """Below the state directory; that one itself may be a volume, and stays as its owner made it."""
    state = tmp_path / "state"
    (state / "journal").mkdir(parents=True)
    (state / "journal" / "1.journal").write_text("x")
    (state / "link").symlink_to("nowhere")
    take_from_others(state)
    assert _open_to_others(state) == ["drwxrwxrwx ."]


@pytest.mark.usefixtures("open_umask")
def test_everything_made_afterwards_is_private(tmp_path: Path) -> None:
    keep_private()
    (tmp_path / "directory" / "below").mkdir(parents=True)
    (tmp_path / "directory" / "file").write_text("x")
    assert _open_to_others(tmp_path / "directory") == []
