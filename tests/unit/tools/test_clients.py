"""Installing Amplitude's clients: whole or not at all, anew after a change of a driver, and never without its hash."""

import subprocess
from pathlib import Path

import pytest

from tests.tools.clients import installs
from tests.tools.clients.installs import Install, NotInstalledError


@pytest.fixture(autouse=True)
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory of drivers; what is installed goes into a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(installs, "DRIVERS", tmp_path)
    directory = tmp_path / "toy"
    directory.mkdir()
    (directory / "send.sh").write_text("echo 1")
    return directory


def test_it_is_installed_once_and_anew_after_a_change(drivers: Path) -> None:
    built: list[Path] = []
    toy = Install("toy", ("sh",), built.append)
    first = toy.install()
    assert (first / "send.sh").read_text() == "echo 1"
    assert toy.install() == first
    assert len(built) == 1
    (drivers / "send.sh").write_text("echo 2")
    assert toy.install() != first
    assert len(built) == 2


def test_what_fails_leaves_nothing_and_says_why() -> None:
    def build(directory: Path) -> None:
        (directory / "half").touch()
        subprocess.run(["sh", "-c", "echo no such version >&2; exit 1"], check=True, capture_output=True)

    toy = Install("toy", ("sh",), build)
    with pytest.raises(NotInstalledError, match="no such version"):
        toy.install()
    assert not toy.home.exists()


def test_a_tool_that_is_missing_is_named() -> None:
    with pytest.raises(NotInstalledError, match="no surely-not-a-program on the PATH"):
        Install("toy", ("sh", "surely-not-a-program"), lambda _directory: None).install()


def test_a_jar_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maven has no file of hashes: what it brought is compared with ours."""

    def run(directory: Path, *_command: str) -> None:
        (directory / "jars").mkdir(exist_ok=True)
        (directory / "jars" / "client.jar").write_bytes(b"another")

    monkeypatch.setattr(installs, "_run", run)
    (tmp_path / "jars.sha256").write_text(f"{'0' * 64}  client.jar\n")
    with pytest.raises(OSError, match=r"not the files of jars\.sha256: client\.jar"):
        installs._build_java(tmp_path)
