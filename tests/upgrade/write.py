"""Writes the state that a release leaves behind, for the tests of later ones: see README.md beside it.

python -m tests.upgrade.write COMMIT          KAFKA_BOOTSTRAP names a broker
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.upgrade import scene
from tests.upgrade.topic import made_anew

_PLACE: Final = Path(__file__).parent
_KEY: Final = "s2s-key-of-the-tests"
_LEFT: Final = ("state", "letters")
_PATIENCE_SECONDS: Final = 60
_LATER_CLOCK: Final = """\
# What is held and remembered by this clock is neither due nor forgotten when a test reads it, years from now.
import time

_time, _time_ns = time.time, time.time_ns
_LATER_SECONDS = 20 * 365 * 86_400
time.time = lambda: _time() + _LATER_SECONDS
time.time_ns = lambda: _time_ns() + _LATER_SECONDS * 1_000_000_000
"""


def main(commit: str) -> None:
    """Run that version on a topic of its own, stop it, and pack what it has stored."""
    bootstrap = os.environ["KAFKA_BOOTSTRAP"]
    commit = _git("rev-parse", commit).decode().strip()
    with tempfile.TemporaryDirectory() as place, made_anew(AdminClient({"bootstrap.servers": bootstrap}), bootstrap):
        code, home, clock = (Path(place) / name for name in ("code", "home", "clock"))
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
            archive.extractall(code, filter="data")
        home.mkdir()
        clock.mkdir()
        (clock / "sitecustomize.py").write_text(_LATER_CLOCK, encoding="utf-8")
        version = tomllib.loads((code / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        before = _run(code, home, clock, bootstrap)
        (home / "before.json").write_bytes(
            orjson.dumps({"version": version, "commit": commit, **before}, option=orjson.OPT_INDENT_2)
        )
        target = _PLACE / "states" / f"{version}.tar.xz"
        with tarfile.open(target, "w:xz", preset=9) as packed:
            for name in (*_LEFT, "before.json"):
                packed.add(home / name, name, filter=_anonymous)
        told = [name for name in (place, str(Path.home()), os.uname().nodename) if _holds(home, name.encode())]
        if told:
            target.unlink()
            sys.exit(f"the state names {told}, which no one else is to read")
        sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")


def _run(code: Path, home: Path, clock: Path, bootstrap: str) -> dict[str, Any]:
    """Let it deliver, hold, set aside, replay and stop; return what was delivered, and the group's offsets."""
    with SandboxServer.in_thread(keys=(_KEY,)) as sandbox:
        faults = [{"app_id": scene.FAILS, "status": 503}]
        refusing = {"app_id": scene.WORKS, "event_name": scene.REFUSED, "status": 400}
        sandbox.set_faults({"rule": [*faults, refusing]})
        (home / "stream.toml").write_text(scene.SETTINGS.format(bootstrap=bootstrap, url=sandbox.url), encoding="utf-8")
        producer = Producer({"bootstrap.servers": bootstrap})
        for partition, key, value in [*map(scene.message, scene.EVENTS), scene.UNREADABLE]:
            producer.produce(scene.TOPIC, value, key, partition=partition)
        if producer.flush(_PATIENCE_SECONDS):
            raise TimeoutError("the broker does not take the events")

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            variables = {
                **os.environ,
                "PYTHONPATH": str(clock),
                "PYTHONDONTWRITEBYTECODE": "1",
                "STREAM_SETTINGS": str(home / "stream.toml"),
                "APPSFLYER_S2S_KEY": _KEY,
            }
            return subprocess.Popen([sys.executable, "-m", "flows", *arguments], cwd=code, env=variables)

        def delivered() -> list[int]:
            taken = [each["body"]["eventValue"] for each in sandbox.requests if each["status"] == 200]
            return sorted(orjson.loads(each)["number"] for each in taken)

        known = [number for number in scene.EVENTS if number not in scene.UNKNOWN]
        stream = start("run")
        _await(lambda: len(delivered()) == len(known) - len(scene.refused()))
        time.sleep(5)  # snapshots go on, and the other app's circuit opens
        stream.terminate()
        _check(stream)
        sandbox.set_faults({"rule": faults})
        _check(start("replay", "--reason", "rejected", "--sync", "works"))
        if delivered() != known:
            raise AssertionError("not what was to be delivered")
        return {"delivered": delivered(), "offsets": _offsets(bootstrap)}


def _offsets(bootstrap: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": scene.GROUP})
    places = [TopicPartition(scene.TOPIC, partition) for partition in range(scene.PARTITIONS)]
    committed = [each.offset for each in consumer.committed(places, _PATIENCE_SECONDS)]
    consumer.close()
    return committed


def _check(process: subprocess.Popen[bytes]) -> None:
    if code := process.wait(_PATIENCE_SECONDS):
        raise subprocess.CalledProcessError(code, process.args)


def _await(what: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("the stream does not come to it")
        time.sleep(0.1)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out who wrote it when, and the file that only keeps room on the disk free."""
    if Path(member.name).name == "ballast":
        return None
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def _holds(home: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for name in _LEFT for path in (home / name).rglob("*") if path.is_file())


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=_PLACE.parents[1], check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
