"""What a hostile record costs in memory, from its bytes to its dead letters: a bounded multiple, whatever it holds."""

import json
import subprocess
import sys

import pytest

_MB = 1 << 20
_PROGRAM = """
import resource, sys
from flows.domain.ledger import Ledger
from flows.operators.stages import decode_records, refused_letters
from flows.domain.event import Record
from flows.domain.warm_up import WarmUp

value = sys.stdin.buffer.read()
before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decoded = decode_records(Ledger(["one"], 20_000), WarmUp())([Record(value, None, "topic", 0, 7, 0)])
letters = list(refused_letters(lambda: 0)(list(decoded)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024)
"""
HOSTILE = {
    "numbers": b'{"events":[' + b",".join([b"1"] * 500_000) + b"]}",
    "numbers, as many as are read": b'{"events":[' + b",".join([b"1"] * 10_000) + b"]}",
    "empty objects": b'{"events":[' + b",".join([b"{}"] * 340_000) + b"]}",
    "arrays": b"[" + b",".join([b"[]"] * 340_000) + b"]",
    "texts": b"[" + b",".join([b'"{}"'] * 200_000) + b"]",
    "identifications": b'{"identification":[' + b",".join([b"{}"] * 340_000) + b"]}",
    "small events": b"[" + b",".join([b'{"event_type":"a","user_id":"u"}'] * 10_000) + b"]",
    "properties": b'{"event_type":"a","user_id":"u","event_properties":{"a":[' + b",".join([b"{}"] * 340_000) + b"]}}",
    "text in text": json.dumps(json.dumps(json.dumps(["x" * 100_000]))).encode(),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_record_of_a_megabyte_takes_tens_of_megabytes_at_the_most(kind: str) -> None:
    assert len(HOSTILE[kind]) <= _MB
    done = subprocess.run([sys.executable, "-c", _PROGRAM], input=HOSTILE[kind], capture_output=True, check=True)
    assert int(done.stdout) < 80 * _MB
