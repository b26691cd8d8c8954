"""Environment variables of other programs change nothing of the stream, whatever libraries would do with them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from flows.runtime.environment import TAKEN_OUT
from tests.fixtures.ports import free_port
from tests.fixtures.stream import KEY, Run, Stream

SETTINGS = """\
[source]
kind = "files"
paths = ["events.json"]

[delivery]
endpoint = "{url}"
timeout_seconds = 2
drain_seconds = 3
{more}

[health]
port = {port}

[[sync]]
name = "production"
ios_app_id = "id111111111"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""
EVENT = {
    "event_type": "Order",
    "user_id": "u",
    "platform": "iOS",
    "user_properties": {"appsflyer_id": "1700000000000-7654321"},
}
PASSWORD = "the-proxys-password"  # noqa: S105 - to be looked for in the log
DEAD_PROXY = f"http://user:{PASSWORD}@127.0.0.1:1"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    """Return a stand-in AppsFlyer that speaks TLS."""
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls") as server:
        yield server


def _run(stream: Stream, url: str, more: str = "", port: int = 0, *, directly: bool = False, **variables: str) -> Run:
    (stream.directory / "events.json").write_bytes(orjson.dumps(EVENT) + b"\n")
    stream.configure(SETTINGS.format(url=url, more=more, port=port))
    return stream.start(*(() if directly else ("-m", "flows", "run")), environment=variables)


@pytest.mark.parametrize("directly", [False, True], ids=["flows run", "bytewax.run"])
def test_none_of_them_changes_where_it_connects_or_what_it_writes(
    stream: Stream, sandbox: SandboxServer, tmp_path: Path, *, directly: bool
) -> None:
    """No keys of TLS in a file, no proxy, no configuration of OpenSSL, no files of metrics; they are named once."""
    (tmp_path / "metrics").mkdir()
    os.mkfifo(tmp_path / "openssl.cnf")  # who opens it waits for ever
    variables = {
        "SSLKEYLOGFILE": str(tmp_path / "tls-keys"),
        "OPENSSL_CONF": str(tmp_path / "openssl.cnf"),
        "OPENSSL_MODULES": str(tmp_path),
        "HTTPS_PROXY": DEAD_PROXY,
        "https_proxy": DEAD_PROXY,
        "ALL_PROXY": DEAD_PROXY,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }
    more = f'ca_file = "{sandbox.ca_file}"'
    run = _run(stream, sandbox.url, more, free_port(), directly=directly, **variables)
    assert run.wait() == 0, run.log
    assert run.summary["syncs"]["production"]["delivered"] == 1
    assert not (tmp_path / "tls-keys").exists()
    assert list((tmp_path / "metrics").iterdir()) == []
    (said,) = [each for each in map(orjson.loads, run.log.splitlines()) if "names" in each]
    assert sorted(said["names"]) == sorted(variables)
    assert PASSWORD not in run.log


def test_no_proxy_does_not_lead_around_the_proxy_of_the_settings(stream: Stream) -> None:
    """NO_PROXY counts for libcurl even where a proxy was set for the request."""
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox, socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(60)
        more = f'proxy = "http://127.0.0.1:{proxy.getsockname()[1]}"'
        run = _run(stream, sandbox.url, more, NO_PROXY="*", no_proxy="*")
        connection, _ = proxy.accept()
        connection.close()
        run.kill()
        assert sandbox.requests == []


def test_bytewax_does_not_show_the_flow(stream: Stream) -> None:
    """It would listen on all addresses, and write what the flow looks like to a file."""
    port, drawn = free_port(), stream.directory / "flow.json"
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        sandbox.set_faults({"rule": [{"status": 503}]})
        run = _run(
            stream,
            sandbox.url,
            BYTEWAX_DATAFLOW_API_ENABLED="1",
            BYTEWAX_DATAFLOW_API_PORT=str(port),
            BYTEWAX_DATAFLOW_API_CACHE_PATH=str(drawn),
        )
        sandbox.wait_until(lambda counts: counts["requests"] >= 1, 60)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        assert run.stop() == 0, run.log
    assert not drawn.exists()


def test_the_systems_certificates_are_where_ssl_cert_file_says(stream: Stream, sandbox: SandboxServer) -> None:
    """A company's own authority is trusted by it, as by every program of the machine; `ca_file` comes first."""
    run = _run(stream, sandbox.url, SSL_CERT_FILE=str(sandbox.ca_file))
    assert run.wait() == 0, run.log
    assert run.summary["syncs"]["production"]["delivered"] == 1


@pytest.mark.parametrize("program", ["flows.__main__", "flows.stream", "flows.replay", "flows.rekey"])
def test_they_are_taken_out_before_anything_heavy_is_loaded(program: str, tmp_path: Path) -> None:
    """OpenSSL, libcurl, librdkafka and the metrics read some of them when they are loaded."""
    looks = (
        "import sys, os, flows.runtime.environment as e\n"
        "def look():\n"
        "    heavy = {'_ssl', '_hashlib', 'pycurl', 'confluent_kafka', 'prometheus_client'} & set(sys.modules)\n"
        "    print(sorted(heavy)); raise SystemExit\n"
        f"e.take_out = look\nimport {program} as program\n"
        "program.flow()\n"
    )
    environment: dict[str, Any] = {**os.environ, **dict.fromkeys(TAKEN_OUT, str(tmp_path / "nothing"))}
    done = subprocess.run([sys.executable, "-c", looks], env=environment, check=True, stdout=subprocess.PIPE)
    assert done.stdout == b"[]\n"
