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
from tests.fixtures.events import order
from tests.fixtures.ports import free_port
from tests.fixtures.settings import Table, files_source, settings_text
from tests.fixtures.stream import KEY, Run, Stream

PASSWORD = "the-proxys-password"  # noqa: S105 - to be looked for in the log
DEAD_PROXY = f"http://user:{PASSWORD}@127.0.0.1:1"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    """Return a stand-in AppsFlyer that speaks TLS."""
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls") as server:
        yield server


def _run(
    stream: Stream, url: str, delivery: Table | None = None, port: int = 0, *, directly: bool = False, **variables: str
) -> Run:
    (stream.directory / "events.json").write_bytes(orjson.dumps(order(1)) + b"\n")
    tables = {"delivery": {"endpoint": url, "timeout_seconds": 2, "drain_seconds": 3, **(delivery or {})}}
    stream.configure(settings_text(files_source("events.json"), **tables, health={"port": port}))
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
    run = _run(stream, sandbox.url, {"ca_file": str(sandbox.ca_file)}, free_port(), directly=directly, **variables)
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
        way = {"proxy": f"http://127.0.0.1:{proxy.getsockname()[1]}"}
        run = _run(stream, sandbox.url, way, NO_PROXY="*", no_proxy="*")
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


@pytest.mark.parametrize(
    ("program", "entry"),
    [("flows.__main__", "main"), ("flows.stream", "flow"), ("flows.replay", "flow"), ("flows.rekey", "flow")],
)
def test_they_are_taken_out_before_anything_heavy_is_loaded(program: str, entry: str, tmp_path: Path) -> None:
    """OpenSSL, libcurl, librdkafka and the metrics read some of them when they are loaded."""
    looks = (
        "import sys, os, flows.runtime.environment as e\n"
        "def look():\n"
        "    heavy = {'_ssl', '_hashlib', 'pycurl', 'confluent_kafka', 'prometheus_client'} & set(sys.modules)\n"
        "    print(sorted(heavy)); raise SystemExit\n"
        f"e.take_out = look\nimport {program} as program\n"
        f"program.{entry}()\n"
    )
    environment: dict[str, Any] = {**os.environ, **dict.fromkeys(TAKEN_OUT, str(tmp_path / "nothing"))}
    done = subprocess.run([sys.executable, "-c", looks], env=environment, check=True, stdout=subprocess.PIPE)
    assert done.stdout == b"[]\n"
