"""`make load` works: it measures a real stream, accounts for every event, and leaves nothing behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from tests.fixtures.needs import is_missing
from tests.tools.load import endpoint_nginx

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.timeout(240)]


def start(directory: Path, kafka: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.tools.load", "--directory", str(directory), *arguments]
    environment = {"KAFKA_BOOTSTRAP": kafka, "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], directory: Path) -> Path:
    """Wait for its end; return where its one report is."""
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    (report,) = directory.glob("*/report.md")
    return report.parent


def left_running(directory: Path) -> list[str]:
    """Return what still runs of all that has to do with a directory."""
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(directory) in line]


@pytest.mark.parametrize("endpoint", ["python", "nginx"])
def test_a_short_run_accounts_for_every_event(tmp_path: Path, kafka: str, endpoint: str) -> None:
    """Two slices; what was produced was read, what was delivered was answered, each answer has its latency."""
    if endpoint == "nginx" and endpoint_nginx.find() is None:
        is_missing("nginx, with HTTP/2 and TLS, is not on this machine: Debian and Ubuntu have it in nginx-light")
    arguments = ["--events", "3000", "--rate", "1000", "--users", "300", "--slices", "2", "--endpoint", endpoint]
    place = finish(start(tmp_path, kafka, *arguments), tmp_path)
    report = (place / "report.md").read_text()
    assert "- read as many events as were produced: 3,000" in report
    assert "- answered as many requests as were delivered" in report
    assert "did not end as planned" not in report
    assert "requests whose event could not be told" not in report
    assert "broker's timestamp to answer, p99 | -" not in report
    assert "## What limited it\n\n1. **" in report
    assert ET.parse(place / "report.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own
    samples = [json.loads(line) for line in (place / "samples.ndjson").read_text().splitlines()]
    assert samples[-1]["taken"] == 3000
    assert all(each["use"]["rss_bytes"] > 0 for each in samples[0]["slices"])
    assert {each.name for each in place.iterdir()} == {"report.md", "report.svg", "samples.ndjson"}
    assert left_running(tmp_path) == []


def test_a_rate_limit_is_named(tmp_path: Path, kafka: str) -> None:
    """As the settings that an operator gives say; and their events are the ones that are selected."""
    settings = tmp_path / "stream.toml"
    settings.write_text(
        """
        [source]
        kind = "kafka"
        bootstrap_servers = "kafka.example.com:9092"
        topic = "events"
        [delivery]
        max_requests_per_second = 50
        [[sync]]
        name = "production"
        enabled = false
        ios_app_id = "id1"
        s2s_key = "env:NOT_SET"
        properties = { event = ["coupon"] }
        [[sync.event]]
        name = "Trial Started"
        """
    )
    arguments = ["--events", "1500", "--rate", "400", "--users", "50", "--settings", str(settings)]
    place = finish(start(tmp_path, kafka, *arguments), tmp_path)
    report = (place / "report.md").read_text()
    assert "1. **the rate limit**" in report
    assert "|  | production |" in report


def test_ctrl_c_ends_it_with_a_report_and_nothing_left(tmp_path: Path, kafka: str) -> None:
    """However long it was meant to go on."""
    process = start(tmp_path, kafka, "--minutes", "60", "--rate", "200", "--users", "100")
    until = time.monotonic() + 100
    while not list(tmp_path.rglob("produced")):
        assert process.poll() is None
        assert time.monotonic() < until, "it did not begin to produce"
        time.sleep(0.1)
    time.sleep(3)  # long enough for a sample or two
    process.send_signal(signal.SIGINT)
    place = finish(process, tmp_path)
    assert "It did not end as planned: it was stopped" in (place / "report.md").read_text()
    assert left_running(tmp_path) == []


def test_a_broker_elsewhere_is_refused(tmp_path: Path) -> None:
    """A load test would load it."""
    process = start(tmp_path, "kafka.example.com:9092")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "kafka.example.com is not this machine" in errors
    assert "LOAD_REMOTE_KAFKA" in errors
