"""nginx as the endpoint: its settings.

Only a handler that wants the body reads it, and `return` wants none. `mirror` does; it makes a subrequest that costs
next to nothing, and the body can then be searched for the event's number when the answer is logged.
"""

import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.tools.load.traffic import MARK

_SETTINGS: Final = """\
{user}daemon off;
worker_processes {workers};
worker_rlimit_nofile 8192;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 3600;
  client_body_buffer_size 64k;
  client_body_in_single_buffer on;
  map $request_body $event {{ default -; "~{mark}[^0-9]+(?<number>[0-9]+)" $number; }}
  log_format answer "$msec $event $status";
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {directory}/tls/server.pem;
    ssl_certificate_key {directory}/tls/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    root {directory}/www;
    location / {{ mirror /mirror; mirror_request_body on; try_files /answer =404; error_page 405 =200 @answer; }}
    location = /mirror {{ internal; return 204; }}
    location @answer {{ access_log {log} answer buffer=64k flush=100ms; return 200 "ok"; }}
  }}
}}
"""
_USUAL_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
_CHECK_SECONDS: Final = 10.0


def find() -> str | None:
    """Return nginx's path where there is one that can speak HTTP/2 over TLS."""
    program = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), *_USUAL_PLACES)))
    if program is None:
        return None
    built = _ask(program, "-V")
    return program if "http_v2_module" in built and "http_ssl_module" in built else None


def version(program: str) -> str:
    """Return its version."""
    found = re.search(r"nginx/(\S+)", _ask(program, "-v"))
    return found[1] if found else "of unknown version"


def write(directory: Path, port: int, workers: int, log: Path) -> Path:
    """Write the settings and what they name; return their path."""
    (directory / "www").mkdir()
    (directory / "www" / "answer").touch()
    log.touch()
    settings = directory / "nginx.conf"
    # Its workers would be nobody where it is started by root, and could not read what is here.
    user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""
    settings.write_text(
        _SETTINGS.format(
            user=user, workers=workers, directory=directory.absolute(), port=port, log=log.absolute(), mark=MARK
        ),
        encoding="utf-8",
    )
    return settings


def _ask(program: str, flag: str) -> str:
    return subprocess.run([program, flag], capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False).stderr
