"""Write the sample app's events to a topic, at a steady rate and for ever: `deploy/compose.yaml` starts it.

Each round is a sample archive of two hours that end now, with other users than the last, keyed by user, else device.
"""

import argparse
import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import orjson
from confluent_kafka import Producer

from examples.sample_archive import generate

_FLUSH_SECONDS = 30.0


def events(seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values; a line that is broken on purpose has no user, and goes under its own text."""
    for _name, content in generate(seed=seed, end=datetime.now(UTC)).members:
        for line in gzip.decompress(content).splitlines():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            key = (row.get("user_id") or row.get("device_id")) if isinstance(row, dict) else None
            yield key.encode() if isinstance(key, str) else line[:32], line


def main() -> None:
    """Produce until the process is ended."""
    parser = argparse.ArgumentParser(description="Write sample events to a topic.")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--per-second", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=0, help="0 is for ever")
    args = parser.parse_args()
    producer = Producer({"bootstrap.servers": args.bootstrap})
    for number in count(1):
        for key, value in events(seed=number):
            producer.produce(args.topic, value, key)
            producer.poll(0)
            time.sleep(1 / args.per_second)
        if number == args.rounds:
            break
    producer.flush(_FLUSH_SECONDS)


if __name__ == "__main__":
    main()
