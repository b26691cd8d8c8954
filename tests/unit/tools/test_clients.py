"""Installing Amplitude's clients: whole or not at all, anew after a change of a driver, and never without its hash."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.tools.clients import installs
from tests.tools.clients.installs import LOCK, NODE, Install, NotInstalledError
from tests.tools.clients.lock import without_addresses

TOOLS: Final = Path(installs.__file__).parents[1]


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


def test_a_lock_file_with_an_address_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would tie the clients to one registry."""
    commands: list[str] = []
    monkeypatch.setattr(installs, "_run", lambda _directory, *command: commands.append(command[0]))
    lock = tmp_path / LOCK
    lock.write_text('{"packages": {"a": {"resolved": "https://registry.example.com/a.tgz"}}}')
    with pytest.raises(OSError, match=r"package-lock\.json holds addresses"):
        NODE.build(tmp_path)
    assert not commands
    lock.write_text(json.dumps(without_addresses(json.loads(lock.read_text()))))
    NODE.build(tmp_path)
    assert commands == ["npm"]


def test_only_addresses_are_left_out_of_a_lock_file() -> None:
    package = {"version": "1.0.0", "integrity": "sha512-x", "license": "MIT"}
    addresses = {"resolved": "https://registry.example.com/a.tgz", "funding": {"url": "https://money.example.com"}}
    lock: dict[str, Any] = {
        "lockfileVersion": 3,
        "packages": {"": {"license": "Apache-2.0"}, "node_modules/a": package},
    }
    found = {**lock, "packages": {**lock["packages"], "node_modules/a": {**package, **addresses}}}
    assert without_addresses(found) == lock


@pytest.mark.parametrize("directory", ["clients/drivers/node", "bench/peers/node"])
def test_no_lock_file_holds_an_address(directory: str) -> None:
    assert "://" not in (TOOLS / directory / LOCK).read_text(encoding="utf-8")
