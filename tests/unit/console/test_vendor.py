"""What is vendored is what npm has published: the lock file says which files, and their hashes."""

import json

from flows.console.static_files import DIRECTORY as STATIC
from flows.console.static_files import StaticFiles
from tests.tools.vendor import DIRECTORY, LOCK, integrity, locked


def test_every_file_has_the_hash_of_the_lock_file() -> None:
    """`make vendor` makes them anew."""
    files = {name: each["sha512"] for package in locked() for name, each in package["files"].items()}
    assert {path.name: integrity(path.read_bytes()) for path in DIRECTORY.iterdir() if path != LOCK} == files


def test_every_package_has_its_licence_and_its_version_in_the_names_of_its_files() -> None:
    for package in locked():
        assert package["licence"]
        assert any(name.endswith(".LICENSE") for name in package["files"])
        assert all(f"-{package['version']}." in name for name in package["files"])


def test_no_package_index_is_named() -> None:
    assert "://" not in json.dumps(locked())


def test_what_is_served_has_its_hash_in_its_address() -> None:
    files = StaticFiles()
    assert len(files.by_path) == sum(each.suffix in (".css", ".js", ".svg") for each in STATIC.rglob("*"))
    assert not any("LICENSE" in path or ".json" in path for path in files.by_path)
