"""Which certificates a client trusts, said once for every client."""

import ssl
from pathlib import Path

import certifi


def certificates(ca_file: Path | None = None) -> str:
    """Return the file that is given, else the system's, which holds a company's own too; without any, certifi's."""
    system: str | None = ssl.get_default_verify_paths().cafile
    return str(ca_file or system or certifi.where())
