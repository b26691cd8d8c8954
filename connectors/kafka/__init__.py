"""Kafka: the source of events and a place for dead letters.

How it reads, from the outside in:

- `OpenTopic` is what the stream opens, `KafkaInput` Bytewax's source, `KafkaPartition` one partition of it.
- `TopicReader` is whoever reads, `ReadRules` says how, `Learning` who is told what only teaches.
- `find_topic` asks for the topic; `Origins` tells which topic of that name it is; `Starts` where each partition begins.
- `SharedConsumer` is the one consumer of the process. `ReadAhead` keeps what was fetched, `Presence` whether Kafka and
  the topic are there, `GroupOffsets` tells the group, `Gaps` and `TopicDamage` what cannot be read.
- `Claim`, `Kept` and `Rivals` compare the group with the state directory, and with other processes.
"""
