"""The endpoint: nginx from the system's packages, over TLS, as HTTP/1.1 and HTTP/2, in place of AppsFlyer.

It reads every body to its end, answers 200 `ok`, and counts. Its answers do not depend on what it is sent, so that it
is as fast as such a server can be: what is measured is the client.
"""

import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context
from tests.fixtures.ports import free_port

PACKAGES: Final = "nginx-light libnginx-mod-http-echo"
_ECHO: Final = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
_START_SECONDS: Final = 10.0
_REQUESTS: Final = re.compile(r"requests\s+\d+ \d+ (\d+)")

_CONFIGURATION: Final = """\
load_module {echo};
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    log_format counted escape=none '{log_format}';
    access_log {directory}/access.log counted buffer=256k flush=1s;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_buffer_size 16k;
    client_body_in_single_buffer on;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    ssl_certificate {directory}/tls/server.pem;
    ssl_certificate_key {directory}/tls/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=1024;
        http2_max_concurrent_streams 512;
        location / {{
            default_type text/plain;
            echo_read_request_body;
            echo -n ok;
        }}
    }}
    server {{
        listen 127.0.0.1:{status_port};
        access_log off;
        location = /status {{ stub_status; }}
    }}
}}
"""
COUNTS: Final = "$status $server_protocol"
BODIES: Final = "$msec $request_time $request_uri $request_body"
"""When the answer had been sent, in seconds since the epoch; how long ago the first byte came; what was asked."""


class EndpointError(Exception):
    """The endpoint cannot be started; says what to do."""


class Endpoint:
    """A running nginx."""

    def __init__(self, directory: Path, port: int, status_port: int, process: subprocess.Popen[bytes]) -> None:
        self.directory = directory
        self.port = port
        self.url = f"https://127.0.0.1:{port}"
        self.ca_file = directory / "tls" / CA_FILE
        self.pid = process.pid
        self._status_url = f"http://127.0.0.1:{status_port}/status"
        self._asked = 0
        self._log_read = 0

    def requests(self) -> int:
        """Return how many requests have come since the start; those that ask are not counted."""
        self._asked += 1
        with urlopen(self._status_url, timeout=10) as answer:  # noqa: S310 - our own loopback address
            text = answer.read().decode()
        found = _REQUESTS.search(text)
        if found is None:
            raise EndpointError(f"nginx's status is not understood: {text!r}")
        return int(found[1]) - self._asked

    def new_lines(self) -> list[str]:
        """Return what was logged since the last call; waits until nginx has written its buffer."""
        time.sleep(1.5)
        with (self.directory / "access.log").open("rb") as log:
            log.seek(self._log_read)
            content = log.read()
        self._log_read += len(content)
        return content.decode().splitlines()

    def served(self) -> Counter[tuple[str, str]]:
        """Return how many requests got which (status, protocol) since the last call; for a log of `COUNTS`."""
        return Counter((status, protocol) for status, protocol in map(str.split, self.new_lines()))


@contextmanager
def running(directory: Path, log: str = COUNTS) -> Iterator[Endpoint]:
    """Start nginx in a directory of its own, and stop it afterwards; `log` is what it notes of each request.

    Raises EndpointError.
    """
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None or not _ECHO.exists():
        raise EndpointError(f"nginx and its echo module are needed: apt-get install {PACKAGES}")
    directory.mkdir(parents=True, exist_ok=True)
    server_context(directory / "tls", "127.0.0.1")
    port, status_port = free_port(), free_port()
    (directory / "nginx.conf").write_text(
        _CONFIGURATION.format(
            echo=_ECHO,
            directory=directory,
            port=port,
            status_port=status_port,
            log_format=log,
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen([nginx, "-p", str(directory), "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        endpoint = Endpoint(directory, port, status_port, process)
        _await(endpoint, process)
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


def _await(endpoint: Endpoint, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", endpoint.port), timeout=1):
                return
        except OSError as problem:
            if process.poll() is not None or time.monotonic() > end:
                log = endpoint.directory / "error.log"
                said = log.read_text(errors="replace")[-500:] if log.exists() else "nothing"
                raise EndpointError(f"nginx does not start; its log says: {said}") from problem
        time.sleep(0.05)
