"""Writes the lock file of the clients for Node anew, by its package.json: python -m tests.tools.clients.lock.

It needs npm and the network. npm notes where it fetched a package and where its authors take money; both are left out,
so that the file installs from any registry that has the same packages: their hashes say which.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.tools.clients.installs import DRIVERS, LOCK

_ADDRESSES: Final = ("resolved", "funding")


def without_addresses(lock: dict[str, Any]) -> dict[str, Any]:
    """Return a lock file's content without the addresses of its packages."""
    packages = {
        path: {key: value for key, value in package.items() if key not in _ADDRESSES}
        for path, package in lock["packages"].items()
    }
    return {**lock, "packages": packages}


def main() -> None:
    """Resolve package.json, and write what npm locked."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "package.json").write_bytes((DRIVERS / "node" / "package.json").read_bytes())
        subprocess.run(["npm", "install", "--package-lock-only", "--ignore-scripts"], cwd=directory, check=True)
        lock = json.loads((directory / LOCK).read_text(encoding="utf-8"))
    written = json.dumps(without_addresses(lock), indent=2, ensure_ascii=False)
    (DRIVERS / "node" / LOCK).write_text(f"{written}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
