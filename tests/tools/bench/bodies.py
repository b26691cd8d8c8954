"""Bodies: the requests that the stream makes of the traffic, by its own steps and without anything around them."""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from connectors.appsflyer.request import Request, compile_translate
from flows.domain.decision import Identified
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.select import compile_select
from flows.domain.user import User
from flows.operators.identity_rules import identity_rules
from flows.settings import load
from flows.settings.model import Settings
from tests.tools.bench import this_stream, traffic


def settings() -> Settings:
    """Return the benchmark's settings, as the stream reads them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "stream.toml"
        ca_file = path.with_name("ca.pem")
        ca_file.touch()
        path.write_text(this_stream.settings_text("127.0.0.1:9092", "events", "bench", "https://127.0.0.1", ca_file))
        return load(path)


def records(shape: traffic.Shape, last: datetime | None = None) -> Iterator[Record]:
    """Yield the traffic as the Kafka source does; its last event happened at `last`, else now."""
    last = last or traffic.now()
    now_ms = int(last.timestamp() * 1000)
    for number, message in enumerate(traffic.messages(shape, last)):
        yield Record(message.value, message.key, "events", 0, number, now_ms)


def requests(shape: traffic.Shape, last: datetime | None = None) -> Iterator[Request]:
    """Yield a request for each event that is selected."""
    known = settings()
    rules = identity_rules(known)
    syncs = known.enabled_syncs
    select = compile_select(syncs)
    translate = compile_translate(syncs[0], known.delivery.max_body_bytes)
    users: dict[str, User] = {}
    for record in records(shape, last):
        for event in decode(record):
            if not isinstance(event, Event):
                raise ValueError(f"the traffic holds what cannot be read: {event.error}")  # noqa: TRY004
            user = users.setdefault(event.user_key, User(rules))
            for decision in user.take(event, select(event).targets, record.time_ms):
                if isinstance(decision, Identified):
                    request = translate(decision.event, decision.identity, decision.targets[0].send_as, record.time_ms)
                    if isinstance(request, Request):
                        yield request
