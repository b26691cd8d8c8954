"""Installs Amplitude's clients for the tests: `make clients`. Exit 1 where one fails though its tools are there."""

import sys

from tests.tools.clients.installs import INSTALLS, NotInstalledError


def main() -> int:
    """Install what can be installed, and say of each what became of it."""
    failed = False
    for each in INSTALLS:
        try:
            home = each.install()
        except NotInstalledError as error:
            failed |= each.missing_tool is None
            sys.stderr.write(f"{each.name}: not installed, so the tests of these clients are skipped: {error}\n")
        else:
            sys.stdout.write(f"{each.name}: {home}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
