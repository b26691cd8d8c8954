"""Makes flows/console/static/vendor/ anew: python -m tests.tools.vendor, or `make vendor`. Needs npm and the network.

The lock file there names each package with its version and npm's hash of it, and which of its files are kept; a package
with another hash is refused. A new version is written into the lock file by hand, with its `integrity`.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = Path(__file__).parents[2] / "flows/console/static/vendor"
LOCK: Final = DIRECTORY / "vendor.lock.json"


def integrity(content: bytes) -> str:
    """Return a hash as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


def locked() -> list[dict[str, Any]]:
    """Return what the lock file says of each package."""
    packages: list[dict[str, Any]] = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    return packages


def main() -> int:
    """Fetch every package, and write its files and their hashes."""
    packages = locked()
    for package in packages:
        name = f"{package['name']}@{package['version']}"
        content = _packed(name)
        if integrity(content) != package["integrity"]:
            sys.stderr.write(f"{name}: its hash is {integrity(content)}, and not that of the lock file\n")
            return 1
        _unpack(content, package["files"])
        package["files"] = {
            kept: {"from": each["from"], "sha512": integrity((DIRECTORY / kept).read_bytes())}
            for kept, each in package["files"].items()
        }
    LOCK.write_text(json.dumps({"packages": packages}, indent=2) + "\n", encoding="utf-8")
    return 0


def _packed(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", directory, name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(directory).iterdir()
        return archive.read_bytes()


def _unpack(content: bytes, files: Mapping[str, Mapping[str, str]]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            for kept, each in files.items():
                member = archive.extractfile(f"package/{each['from']}")
                if member is None:
                    raise FileNotFoundError(each["from"])
                (DIRECTORY / kept).write_bytes(member.read())


if __name__ == "__main__":
    sys.exit(main())
