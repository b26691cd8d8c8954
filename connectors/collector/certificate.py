"""The collector's own certificate, for connections without a proxy in front."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path


def valid_until(certificate_file: Path, key_file: Path) -> datetime:
    """Return when a certificate ends, as a client that trusts it reads it in a handshake without a network.

    Raises OSError or ssl.SSLError where the pair cannot be used: ssl.SSLCertVerificationError where it has ended.
    """
    of_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    of_server.load_cert_chain(certificate_file, key_file)
    of_client = ssl.create_default_context(cafile=str(certificate_file))
    of_client.check_hostname = False
    of_client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file need not hold who signed it
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = of_server.wrap_bio(to_server, to_client, server_side=True)
    client = of_client.wrap_bio(to_client, to_server)
    for each in (client, server, client):
        with suppress(ssl.SSLWantReadError):
            each.do_handshake()
    found = client.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


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
