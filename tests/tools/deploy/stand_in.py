"""The stand-in AppsFlyer and the dead letters, asked from within the sandbox's pod, which is there whatever happens."""

import json
from pathlib import Path
from typing import Any, Final

from tests.chaos.oracle import Arrival, Letter, read_record
from tests.tools.deploy.cluster import kubectl, python

_SUMMARY: Final = """
import ssl, urllib.request
context = ssl.create_default_context(cafile="/sandbox/tls/ca.pem")
print(urllib.request.urlopen("https://sandbox:8443/control/summary", context=context).read().decode())
"""
_SET_FAULTS: Final = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/sandbox/tls/ca.pem")
url = "https://sandbox:8443/control/faults"
urllib.request.urlopen(urllib.request.Request(url, sys.argv[1].encode(), method="PUT"), context=context)
"""
_LETTERS: Final = """
import json, sys
from confluent_kafka import Consumer, TopicPartition
topic = "amplitude-appsflyer-dead-letters"
consumer = Consumer({"bootstrap.servers": "kafka:9092", "group.id": "rehearsal", "enable.auto.commit": False})
first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)
consumer.assign([TopicPartition(topic, 0, first)])
while first < end:
    message = consumer.poll(10)
    if message is None or message.error():
        sys.exit(f"cannot read the dead letters: {message and message.error()}")
    first = message.offset() + 1
    headers = {name: value.decode() for name, value in message.headers() or []}
    print(json.dumps([headers["reason"], (message.value() or b"").hex()]))
"""


def set_faults(plan: dict[str, Any]) -> None:
    """Replace the stand-in's fault plan."""
    python("deployment/sandbox", _SET_FAULTS, json.dumps(plan))


def accepted_bodies() -> int:
    """Return how many different requests were accepted."""
    return int(_summary()["accepted_bodies"])


def copies() -> int:
    """Return how many requests were accepted that had been before."""
    summary = _summary()
    return int(summary["accepted"] - summary["accepted_bodies"])


def arrivals(workspace: Path) -> list[Arrival]:
    """Return what was accepted, out of the stand-in's record."""
    record = workspace / "record.ndjson"
    record.write_text(kubectl("exec", "deployment/sandbox", "--", "cat", "/sandbox/record.ndjson"), encoding="utf-8")
    return read_record(record)


def letters() -> list[Letter]:
    """Return all dead letters."""
    lines = python("deployment/sandbox", _LETTERS).splitlines()
    return [Letter(reason, bytes.fromhex(value)) for reason, value in map(json.loads, lines)]


def _summary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(python("deployment/sandbox", _SUMMARY))
    return found
