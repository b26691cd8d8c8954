"""The run that is pictured: two slices, a real broker, a stand-in AppsFlyer with faults, Prometheus with our rules."""

import gzip
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, NamedTuple

import orjson
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import generate
from tests.tools.deploy.rules import MADE

SLICES: Final = 2
PARTITIONS: Final = 4
KEY: Final = "sandbox-key"
_START_SECONDS: Final = 60.0
_IOS, _ANDROID = "id123456789", "com.example.trailmix"

SETTINGS: Final = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{topic}-group"

[identity]
hold_seconds = 20

[delivery]
endpoint = "{endpoint}"
ca_file = "{ca_file}"
timeout_seconds = 15
max_requests_per_second = 200

[dead_letters]
kind = "kafka"
topic = "{topic}-dead-letters"

[state]
directory = "state"
epoch_seconds = 5

[health]
port = {port}

[[sync]]
name = "trailmix"
enabled = true
ios_app_id = "{ios}"
android_app_id = "{android}"
ios_bundle_id = "{android}"
s2s_key = "env:APPSFLYER_S2S_KEY"
default_currency = "EUR"

[[sync.event]]
name = "Order Completed"
send_as = "af_purchase"

[[sync.event]]
name = "Sign Up"
send_as = "af_complete_registration"

[[sync.event]]
name = "Hike Completed"
send_as = "hike_completed"

[[sync.event]]
name = "Trail Viewed"
send_as = "af_content_view"
where = [{{ property = "country", is_not = ["(none)"] }}]
"""


class Part(NamedTuple):
    """A part of the run."""

    what: str
    share: float
    """Of its whole time."""
    faults: dict[str, Any]


PARTS: Final = (
    Part("all is well", 0.15, {"rule": [{"delay_ms": 40.0}]}),
    Part("a third of the answers are 503", 0.15, {"rule": [{"rate": 0.33, "status": 503}, {"delay_ms": 60.0}]}),
    Part("AppsFlyer is down", 0.17, {"rule": [{"status": 503}]}),
    Part(
        "all is well, but for a few that are rejected",
        0.17,
        {"rule": [{"rate": 0.02, "status": 400}, {"delay_ms": 40.0}]},
    ),
    Part("the key is refused for Android", 0.36, {"rule": [{"app_id": _ANDROID, "status": 401}, {"delay_ms": 40.0}]}),
)


class Scene:
    """Builds everything up; `close` ends it."""

    def __init__(self, directory: Path, bootstrap: str, events_per_second: float, first_port: int) -> None:
        """Start. Raises RuntimeError where something does not come up."""
        self._directory = directory
        self._bootstrap = bootstrap
        self._events_per_second = events_per_second
        self._topic = f"picture-{int(time.time())}"
        self._over = Event()
        self._cleanup = ExitStack()
        try:
            self._build(directory, first_port)
        except BaseException:
            self._cleanup.close()
            raise

    def _build(self, directory: Path, first_port: int) -> None:
        self.sandbox = self._cleanup.enter_context(
            SandboxServer.in_thread(keys=(KEY,), tls=directory / "tls", faults=PARTS[0].faults, drop_bodies=True)
        )
        self._make_topics()
        (directory / "stream.toml").write_text(
            SETTINGS.format(
                bootstrap=self._bootstrap,
                topic=self._topic,
                endpoint=self.sandbox.url,
                ca_file=self.sandbox.ca_file,
                port=first_port,
                ios=_IOS,
                android=_ANDROID,
            ),
            encoding="utf-8",
        )
        for index in range(SLICES):
            self._start(
                f"slice-{index}", sys.executable, "-m", "flows", "run", "--slice", f"{index}/{SLICES}",
                environment={"STREAM_SETTINGS": str(directory / "stream.toml"), "APPSFLYER_S2S_KEY": KEY},
            )  # fmt: skip
        self.prometheus = self._start_prometheus([first_port + index for index in range(SLICES)], first_port + SLICES)
        self._producer = Thread(target=self._produce, daemon=True)
        self._producer.start()

    def close(self) -> None:
        """End everything that was started, the latest first."""
        self._over.set()
        self._producer.join()
        self._cleanup.close()

    def _make_topics(self) -> None:
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        names = {self._topic: PARTITIONS, f"{self._topic}-dead-letters": 1}
        made = admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in names.items()])
        for each in made.values():
            each.result(timeout=20)
        self._cleanup.callback(lambda: [each.result(20) for each in admin.delete_topics(list(names)).values()])

    def _start_prometheus(self, targets: list[int], port: int) -> str:
        if shutil.which("prometheus") is None:
            raise RuntimeError("prometheus is not on the PATH: Debian and Ubuntu have it in the package prometheus")
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(MADE)],
            "scrape_configs": [
                {"job_name": "stream", "static_configs": [{"targets": [f"127.0.0.1:{each}" for each in targets]}]}
            ],
        }
        (self._directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self._start(
            "prometheus",
            "prometheus",
            f"--config.file={self._directory}/prometheus.yml",
            f"--storage.tsdb.path={self._directory}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{address}/-/ready", timeout=2):  # noqa: S310 - our own
                    return address
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"Prometheus did not start; see {self._directory}/prometheus.log")

    def _start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> None:
        log = self._cleanup.enter_context((self._directory / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})

        def end() -> None:
            process.terminate()
            process.wait(_START_SECONDS)

        self._cleanup.callback(end)

    def _produce(self) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "linger.ms": 5})
        begin = time.monotonic()
        for number, (key, value) in enumerate(_events()):
            producer.produce(self._topic, value, key)
            producer.poll(0)
            if self._over.wait(max(begin + number / self._events_per_second - time.monotonic(), 0.0)):
                break
        producer.flush(10)


def _events() -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of the sample app's events for ever, each round with other users."""
    for seed in count(1):
        for _name, content in generate(events=600, users=60, seed=seed, end=datetime.now(UTC)).members:
            for line in gzip.decompress(content).splitlines():
                try:
                    row = orjson.loads(line)
                    key = str(row.get("user_id") or row.get("device_id"))
                except (orjson.JSONDecodeError, AttributeError):
                    key = "broken"
                yield key.encode(), line
