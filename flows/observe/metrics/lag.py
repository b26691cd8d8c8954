"""Whether it keeps up: how far each partition is from its end."""

from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts


def read_lag(to: Readings, parts: Parts) -> None:
    """Put how far behind each partition is."""
    source = parts.source
    to.put(v.SOURCE_CONNECTED, source is None or source.waits_for is None)
    if source is None:
        return
    if source.partition_count is not None:
        to.put(v.PARTITIONS, source.partition_count)
    damaged = source.damaged
    for each in source.progress():
        partition = str(each.partition)
        to.put(v.PARTITION_DAMAGED, each.partition in damaged, partition)
        if each.lag_events is not None:
            to.put(v.LAG_EVENTS, each.lag_events, partition)
            to.put(v.LAG_SECONDS, lag_seconds(parts, each.lag_events, each.last_record_ms), partition)
        if each.committed_lag_events is not None:
            to.put(v.COMMITTED_LAG, each.committed_lag_events, partition)


def read_sent_again(to: Readings, parts: Parts) -> None:
    """Put what the loss of the state directory would cost."""
    for partition, records in ((parts.source and parts.source.sent_again()) or {}).items():
        to.put(v.SENT_AGAIN, records, str(partition))


def lag_seconds(parts: Parts, lag_events: int, last_record_ms: int | None) -> float:
    """Return how old the last record is that was read while others are not; before the first, the time of the run."""
    if not lag_events:
        return 0.0
    since_ms = last_record_ms if last_record_ms is not None else parts.started.timestamp() * 1000
    return max(parts.now_ms() - since_ms, 0.0) / 1000
