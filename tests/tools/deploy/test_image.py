"""The image: built as users build it, and run as a cluster runs it, against a real broker and a stand-in AppsFlyer."""

import json
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox import SandboxServer
from tests.fixtures.leftovers import LABEL, owner
from tests.fixtures.needs import is_missing
from tests.fixtures.ports import free_port
from tests.tools.deploy.engine import Engine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("image")]

IMAGE = "localhost/amplitude-appsflyer-stream:test"
KEY = "s2s-key-of-the-image-test"
API_KEY = "0123456789abcdef0123456789abcdef"
EVENTS = 2_000
PATIENCE_SECONDS = 90.0
HARDENED = ("--read-only", "--user", "10001", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
OURS = ("--label", f"{LABEL}={owner()}")
MOST_MEMORY = "print(next(line.split()[1] for line in open('/proc/1/status') if line.startswith('VmHWM')))"
SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{topic}-group"

[delivery]
endpoint = "{endpoint}"
ca_file = "/tls/ca.pem"
drain_seconds = 25

[dead_letters]
kind = "files"
directory = "/state/dead-letters"

[state]
directory = "/state"
epoch_seconds = 1

[health]
host = "0.0.0.0"
port = {port}
add_slice_to_port = false

[[sync]]
name = "image"
enabled = true
android_app_id = "com.example.image"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    try:
        found = Engine()
    except LookupError as reason:
        is_missing(str(reason))
    found.remove_left_containers()
    return found


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    engine.build(IMAGE)
    return IMAGE


@pytest.fixture
def container(engine: Engine) -> Iterator[str]:
    """Return a container's name; what runs under it after the test is removed."""
    name = f"stream-{uuid.uuid4().hex[:12]}"
    yield name
    engine("rm", "--force", "--volumes", name, may_fail=True)


def shell(engine: Engine, image: str, script: str) -> str:
    return engine("run", "--rm", *HARDENED, *OURS, "--entrypoint", "sh", image, "-c", script)


@pytest.mark.timeout(600)
def test_it_says_what_it_is_and_starts_python_itself(engine: Engine, image: str) -> None:
    config = engine.inspect(image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python", "-m", "flows"]
    assert config["Cmd"] == ["serve"]
    assert config["Labels"]["org.opencontainers.image.version"][0].isdigit()
    assert len(config["Labels"]["org.opencontainers.image.revision"]) >= len("unknown")
    assert engine.health_check(image)[0] == "python"


@pytest.mark.timeout(600)
def test_nothing_in_it_builds_or_installs(engine: Engine, image: str) -> None:
    left = shell(engine, image, "for each in pip pip3 gcc cc make git curl; do command -v $each; done; true")
    assert left == ""
    modules = (
        "import importlib.util as u; print([m for m in ('pip', 'setuptools', 'pytest', 'mypy') if u.find_spec(m)])"
    )
    assert shell(engine, image, f'python -c "{modules}"').strip() == "[]"


@pytest.mark.timeout(600)
def test_every_package_has_the_version_of_the_constraints(engine: Engine, image: str) -> None:
    listed = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    installed: dict[str, str] = json.loads(shell(engine, image, f'python -c "{listed}"'))
    installed.pop("amplitude-appsflyer-stream")
    pinned = dict(
        line.split("==")
        for line in (Path(__file__).parents[3] / "constraints.txt").read_text(encoding="utf-8").split()
        if "==" in line
    )
    normal = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    assert {name.lower().replace("_", "-"): version for name, version in installed.items()}.items() <= normal.items()


@pytest.mark.timeout(600)
def test_modules_are_compiled_for_a_root_that_is_read_only(engine: Engine, image: str) -> None:
    script = (
        "import flows.commands.main as a, json.decoder as b, os; print(*(os.path.exists(m.__cached__) for m in (a, b)))"
    )
    assert shell(engine, image, f'python -c "{script}"').split() == ["True", "True"]


@pytest.mark.timeout(600)
def test_no_index_and_no_secret_is_left_in_its_history(engine: Engine, image: str) -> None:
    history = engine("history", "--no-trunc", image)
    assert "index-url" not in history
    assert "://" not in history


@pytest.mark.timeout(600)
def test_it_delivers_under_a_read_only_root_and_stops_cleanly(
    engine: Engine,
    image: str,
    container: str,
    kafka: str,
    topic: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "settings").mkdir()
    port = free_port()
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls", record=None, drop_bodies=True) as sandbox:
        (tmp_path / "settings" / "stream.toml").write_text(
            SETTINGS.format(bootstrap=kafka, topic=topic, endpoint=sandbox.url, port=port), encoding="utf-8"
        )
        produce(kafka, topic, range(EVENTS))
        mounts = [f"{tmp_path}/settings:/etc/stream:ro", f"{tmp_path}/tls:/tls:ro"]
        options = [*HARDENED, *OURS, "--network", "host", "--name", container, "--env", f"APPSFLYER_S2S_KEY={KEY}"]
        options += [part for mount in mounts for part in ("--volume", mount)]
        began = time.monotonic()
        with (tmp_path / "log").open("wb") as log:
            running = subprocess.Popen([engine.name, "run", *options, image, "run"], stdout=log, stderr=log)
        alive_s = seconds_until(began, running, tmp_path / "log", lambda: fetch(port, "/livez") == 200)
        ready_s = seconds_until(began, running, tmp_path / "log", lambda: fetch(port, "/readyz") == 200)
        first_s = seconds_until(began, running, tmp_path / "log", lambda: sandbox.summary()["accepted"] > 0)
        seconds_until(began, running, tmp_path / "log", lambda: sandbox.summary()["accepted_bodies"] >= EVENTS)
        # Its own health check knows the port of the manifests only, which may be taken on this machine.
        engine("exec", container, *(part.replace("9464", str(port)) for part in engine.health_check(image)))
        memory_mib = int(engine("exec", container, "python", "-c", MOST_MEMORY)) / 1024
        stop_began = time.monotonic()
        engine("kill", "--signal", "TERM", container)
        assert running.wait(60) == 0, (tmp_path / "log").read_text(encoding="utf-8")
        stop_s = time.monotonic() - stop_began
        assert sandbox.summary()["accepted"] == EVENTS
    megabytes = engine.inspect(image)["Size"] / 1e6
    with capsys.disabled():
        print(  # noqa: T201 - the figures that the README has
            f"\nimage {megabytes:.0f} MB; from `run` to alive {alive_s:.1f} s, to ready {ready_s:.1f} s, to the first "
            f"delivery {first_s:.1f} s; at most {memory_mib:.0f} MiB of memory; stop {stop_s:.1f} s"
        )


@pytest.mark.timeout(600)
def test_by_default_it_takes_events_in_and_sends_them_on_without_kafka(
    engine: Engine, image: str, container: str, tmp_path: Path
) -> None:
    """The health check asks the collector; the process that is stopped first lets the stream drain."""
    (tmp_path / "settings").mkdir()
    port, health_port, stream_port = free_port(), free_port(), free_port()
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls", record=None, drop_bodies=True) as sandbox:
        source = '[source]\nkind = "inbox"\ndirectory = "/state/inbox"\n\n[collector]\n'
        source += f'port = {port}\nhealth_port = {health_port}\napi_keys = ["env:AMPLITUDE_API_KEY"]\n\n'
        rest = SETTINGS[SETTINGS.index("[delivery]") :].format(endpoint=sandbox.url, port=stream_port)
        (tmp_path / "settings" / "stream.toml").write_text(source + rest, encoding="utf-8")
        mounts = [f"{tmp_path}/settings:/etc/stream:ro", f"{tmp_path}/tls:/tls:ro"]
        options = [*HARDENED, *OURS, "--network", "host", "--name", container, "--env", f"APPSFLYER_S2S_KEY={KEY}"]
        options += ["--env", f"AMPLITUDE_API_KEY={API_KEY}", *(part for each in mounts for part in ("--volume", each))]
        began = time.monotonic()
        with (tmp_path / "log").open("wb") as log:
            running = subprocess.Popen([engine.name, "run", *options, image], stdout=log, stderr=log)
        seconds_until(began, running, tmp_path / "log", lambda: fetch(health_port, "/readyz") == 200)
        upload = {"api_key": API_KEY, "events": [event_of(number) for number in range(10)]}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/2/httpapi", json.dumps(upload).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
            assert json.load(answer)["events_ingested"] == 10
        seconds_until(began, running, tmp_path / "log", lambda: sandbox.summary()["accepted_bodies"] == 10)
        # Its own health check knows the ports of the manifests only, which may be taken on this machine.
        engine("exec", container, *(part.replace("9463", str(health_port)) for part in engine.health_check(image)))
        engine("kill", "--signal", "TERM", container)
        assert running.wait(60) == 0, (tmp_path / "log").read_text(encoding="utf-8")
        assert sandbox.summary()["accepted"] == 10


def produce(bootstrap: str, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in numbers:
        event = event_of(number)
        producer.produce(topic, json.dumps(event).encode(), event["user_id"])
    assert producer.flush(30) == 0


def event_of(number: int) -> dict[str, Any]:
    return {
        "event_type": "Order Completed",
        "user_id": f"user-{number % 50}",
        "insert_id": f"insert-{number}",
        "platform": "Android",
        "time": int(time.time() * 1000),
        "event_properties": {"id": number},
        "user_properties": {"appsflyer_id": f"1700000000000-{7_000_000 + number % 50}"},
    }


def fetch(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return int(answer.status)
    except OSError:
        return 0


def seconds_until(began: float, running: "subprocess.Popen[bytes]", log: Path, holds: Any) -> float:
    while not holds():
        assert running.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() - began < PATIENCE_SECONDS, log.read_text(encoding="utf-8")
        time.sleep(0.02)
    return time.monotonic() - began
