"""Runs in a pod: produce the rehearsal's events to its topic. Arguments: the first id, how many, ids per second."""

import sys
import time

from confluent_kafka import Producer
from produced import introductions, messages  # type: ignore[import-not-found]  # lies beside it in the pod

first, count, per_second = map(int, sys.argv[1:])
producer = Producer({"bootstrap.servers": "kafka:9092"})
if first == 1:
    for key, value in introductions():
        producer.produce("amplitude-events", value, key)
    producer.flush(30)
begin = time.monotonic()
for number in range(first, first + count):
    for key, value in messages(number):
        producer.produce("amplitude-events", value, key)
    producer.poll(0)
    time.sleep(max(0.0, begin + (number - first) / per_second - time.monotonic()))
sys.exit(producer.flush(60))
