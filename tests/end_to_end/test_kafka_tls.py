"""Kafka over TLS and with a password, as a company's is: a real broker's own listeners."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context
from tests.fixtures.kafka_tls import PASSWORD, USER, TlsKafka
from tests.fixtures.stream import Identity, Stream

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.timeout(240), pytest.mark.xdist_group("tls")]

SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "events"
group_id = "{group}"
[source.properties]
{properties}

[delivery]
endpoint = "{url}"

[dead_letters]
kind = "kafka"
topic = "letters"
[dead_letters.properties]
{properties}

[health]
port = 0

[[sync]]
name = "production"
enabled = true
ios_app_id = "id123456789"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""
EVENTS = 50


def _properties(**values: str) -> str:
    return "\n".join(f'"{name.replace("_", ".")}" = "{value}"' for name, value in values.items())


def _with_password(ca_file: Path, password: str = "env:KAFKA_PASSWORD") -> str:  # noqa: S107 - a reference
    return _properties(
        security_protocol="SASL_SSL",
        ssl_ca_location=str(ca_file),
        sasl_mechanisms="PLAIN",
        sasl_username=USER,
        sasl_password=password,
    )


@pytest.fixture(scope="module")
def filled(tls_kafka: TlsKafka) -> TlsKafka:
    """Return the broker with events in a topic, some of them bad."""
    admin = AdminClient({"bootstrap.servers": tls_kafka.address})
    for future in admin.create_topics([NewTopic("events", 2, 1), NewTopic("letters", 1, 1)]).values():
        future.result(timeout=30)
    producer = Producer({"bootstrap.servers": tls_kafka.address})
    for number in range(EVENTS):
        event = {
            "event_type": "Order",
            "user_id": f"user-{number}",
            "platform": "iOS",
            "insert_id": str(number),
            "user_properties": {"appsflyer_id": f"1700000000000-{number}"},
        }
        producer.produce("events", orjson.dumps(event) if number else b"broken", f"user-{number}")
    assert producer.flush(30) == 0
    return tls_kafka


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer.in_thread() as server:
        yield server


def _check(stream: Stream) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows", "check", "--settings", str(stream.directory / "stream.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("listener", ["tls", "sasl"])
def test_events_and_dead_letters_over_tls(
    stream: Stream,
    filled: TlsKafka,
    sandbox: SandboxServer,
    adds_up: Identity,
    monkeypatch: pytest.MonkeyPatch,
    listener: str,
) -> None:
    """Source and dead letters speak TLS, with a password by reference, which `check` uses and nothing writes."""
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    monkeypatch.setenv("APPSFLYER_S2S_KEY", "x")
    only_tls = _properties(security_protocol="SSL", ssl_ca_location=str(filled.ca_file))
    stream.configure(
        SETTINGS.format(
            bootstrap=getattr(filled, listener),
            group=f"group-{listener}",
            url=sandbox.url,
            properties=_with_password(filled.ca_file) if listener == "sasl" else only_tls,
        )
    )
    checked = _check(stream)
    assert checked.returncode == 0, checked.stdout
    run = stream.start("-m", "flows", "run")
    sandbox.wait_until(lambda counts: bool(counts["accepted"] >= EVENTS - 1), 90)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["refused"] == {"undecodable": 1}
    assert PASSWORD not in run.log + run.output + checked.stdout + checked.stderr


@pytest.mark.parametrize("wrong", ["authority", "password", "plain"])
def test_a_wrong_way_in_reads_nothing_and_says_so(
    stream: Stream, filled: TlsKafka, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """An authority that is not to be trusted, a wrong password, no TLS where it is asked for: no event, no secret."""
    monkeypatch.setenv("KAFKA_PASSWORD", f"not-{PASSWORD}" if wrong == "password" else PASSWORD)
    monkeypatch.setenv("APPSFLYER_S2S_KEY", "x")
    server_context(stream.directory / "other", "127.0.0.1")
    ca_file = stream.directory / "other" / CA_FILE if wrong == "authority" else filled.ca_file
    properties = _with_password(ca_file)
    if wrong == "plain":
        properties = properties.replace("SASL_SSL", "SASL_PLAINTEXT")
    stream.configure(
        SETTINGS.format(bootstrap=filled.sasl, group=f"group-{wrong}", url=sandbox.url, properties=properties)
    )
    checked = _check(stream)
    assert checked.returncode == 1, checked.stdout
    run = stream.start("-m", "flows", "run")
    until = time.monotonic() + 60
    while run.process.poll() is None and "aiting" not in run.log:
        assert time.monotonic() < until, run.log
        time.sleep(0.05)
    if run.process.poll() is None:
        run.stop()
    assert sandbox.summary()["requests"] == 0
    assert PASSWORD not in run.log + run.output + checked.stdout + checked.stderr
