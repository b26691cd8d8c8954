"""Environment variables that libraries would go by although no page of ours names them.

They are taken out before any library is loaded. What decides where the stream connects, whom it trusts and what it
writes stands in the settings, so a variable that was set for another program (a proxy, a log of TLS keys, a
configuration of OpenSSL) changes nothing here. docs/security.md has the list, with what libraries would do.
`SSL_CERT_FILE` stays, for it says where the certificates of the system are.

A variable that is taken out is neither seen by what this process becomes nor by what it starts.
"""

import os
from typing import Final

TAKEN_OUT: Final = (
    # libcurl and librdkafka write the keys of each TLS connection there, with which the AppsFlyer key can be read.
    "SSLKEYLOGFILE",
    # OpenSSL would load modules of anybody's, and allow or refuse other ciphers and versions than the settings say.
    "OPENSSL_CONF",
    "OPENSSL_CONF_INCLUDE",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    # libcurl, and librdkafka where it asks for an OAuth token; NO_PROXY even beside a proxy of the settings.
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    # prometheus_client would keep metrics in files that nobody removes, and serve those of earlier runs, too.
    "PROMETHEUS_MULTIPROC_DIR",
    "prometheus_multiproc_dir",
    # Bytewax would show the flow to anybody on port 3030.
    "BYTEWAX_DATAFLOW_API_ENABLED",
    "BYTEWAX_DATAFLOW_API_PORT",
    "BYTEWAX_DATAFLOW_API_CACHE_PATH",
)

_taken: list[str] = []


def take_out() -> None:
    """Take them out. To be called before anything heavy is imported: some are read when a library is loaded."""
    _taken.extend(name for name in TAKEN_OUT if os.environ.pop(name, None) is not None)


def ignored() -> list[str]:
    """Return the names that were taken out, once; never a value, for a proxy's may hold a password."""
    names = list(_taken)
    _taken.clear()
    return names
