"""The collector's own certificate, for connections without a proxy in front."""

import ssl
from pathlib import Path


class Certificate:
    """A certificate with its private key, read again when one of the files has changed."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        """Read them. Raises OSError or ssl.SSLError where they cannot be used."""
        self._files = certificate_file, key_file
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._stamp = self._stamp_now()
        self.context.load_cert_chain(*self._files)

    def reread(self) -> bool:
        """Take changed files for connections from now on; return whether they had changed.

        Raises OSError or ssl.SSLError where they cannot be used: then the earlier ones stay, and are tried again.
        """
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*self._files)  # a pair, or nothing is taken
        self.context.load_cert_chain(*self._files)
        self._stamp = stamp
        return True

    def _stamp_now(self) -> list[tuple[int, int, int]]:
        found = [each.stat() for each in self._files]
        return [(each.st_mtime_ns, each.st_ino, each.st_size) for each in found]
