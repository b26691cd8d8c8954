"""This stream, as an operator starts it: `python -m flows run`, with everything on and its defaults.

Recovery, ledger, journal, identity per user, de-duplication, verified TLS. Only what a benchmark has to name is set:
where the broker and the endpoint are, the sync, and that no limit of requests per second is wanted.
"""

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.tools.bench import cores, traffic
from tests.tools.bench.job import S2S_KEY, Job
from tests.tools.bench.measure import ContestantError, Launch

REPOSITORY: Final = Path(__file__).parents[3]
_KEY_VARIABLE: Final = "BENCH_S2S_KEY"
_SETTINGS: Final = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{group}"

[delivery]
endpoint = "{endpoint}"
ca_file = "{ca_file}"
max_requests_per_second = 0
ramp_requests_per_second_per_minute = 0

[dead_letters]
kind = "files"
directory = "dead-letters"

[state]
directory = "state"

[health]
port = {port}

[[sync]]
name = "bench"
enabled = true
ios_app_id = "{ios_app_id}"
android_app_id = "{android_app_id}"
ios_bundle_id = "{ios_bundle_id}"
s2s_key = "env:{key_variable}"
default_currency = "{currency}"
exclude = {excluded}
"""
_EVENT: Final = """
[[sync.event]]
name = "{name}"
send_as = "{send_as}"
"""


def launches(
    job: Job,
    checkout: Path = REPOSITORY,
    slices: int = 1,
    slice_cores: Sequence[Sequence[int]] = (),
    installed: Path | None = None,
) -> list[Launch]:
    """Return the processes to start: one, or one for each slice.

    `installed` is an interpreter that has the stream installed; it runs that one, and no checkout.
    """
    job.directory.mkdir(parents=True, exist_ok=True)
    settings = job.directory / "stream.toml"
    topic, endpoint = job.topic, job.endpoint
    port = _free_port()  # each slice adds its number to it
    text = settings_text(topic.bootstrap, topic.name, job.group, endpoint.url, endpoint.ca_file, port)
    settings.write_text(text, encoding="utf-8")
    return [
        Launch(
            [
                str(installed or _python(checkout)),
                *("-m", "flows", "run", "--settings", str(settings)),
                *(("--slice", f"{index}/{slices}") if slices > 1 else ()),
            ],
            {
                _KEY_VARIABLE: S2S_KEY,
                "STREAM_SUMMARY": str(_summary(job, index)),
                "PYTHONPATH": "",
                "PYTHONFAULTHANDLER": "1",
            },
            checkout if installed is None else job.directory,  # the engine imports what is there before all else
            slice_cores[index] if slice_cores else (cores.MEASURED,),
        )
        for index in range(slices)
    ]


def check(job: Job, slices: int = 1) -> None:
    """Compare what the stream says of itself with what was to be delivered. Raises ContestantError."""
    read = delivered = 0
    for index in range(slices):
        summary = json.loads(_summary(job, index).read_bytes())
        sync = summary["syncs"]["bench"]
        read += summary["read"]
        delivered += sync["delivered"]
        others = {name: sync[name] for name in ("duplicate", "dead_lettered", "pending") if sync[name]}
        if others or summary["refused"]:
            raise ContestantError(f"the summary has {others} and refused {summary['refused']}")
    if (read, delivered) != (job.topic.events, job.topic.selected):
        raise ContestantError(
            f"the summary says {read:,} read and {delivered:,} delivered; "
            f"there are {job.topic.events:,} and {job.topic.selected:,}"
        )


def settings_text(bootstrap: str, topic: str, group: str, endpoint: str, ca_file: Path, health_port: int = 0) -> str:
    """Return a stream.toml for the benchmark's traffic."""
    text = _SETTINGS.format(
        bootstrap=bootstrap,
        topic=topic,
        group=group,
        endpoint=endpoint,
        ca_file=ca_file,
        port=health_port,
        ios_app_id=traffic.IOS_APP_ID,
        android_app_id=traffic.ANDROID_APP_ID,
        ios_bundle_id=traffic.IOS_BUNDLE_ID,
        key_variable=_KEY_VARIABLE,
        currency=traffic.DEFAULT_CURRENCY,
        excluded=json.dumps(traffic.EXCLUDED),
    )
    return text + "".join(_EVENT.format(name=name, send_as=send_as) for name, send_as in traffic.SELECTED.items())


def _free_port() -> int:
    """Return a port that is free, and that nobody is given as the port of an outgoing connection meanwhile."""
    for port in range(20_000, 30_000, 10):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ContestantError("no port is free from 20,000 to 30,000")


def _summary(job: Job, index: int) -> Path:
    return job.directory / f"summary-{index}.json"


def _python(checkout: Path) -> Path:
    """Return the checkout's own interpreter, where it has one."""
    own = checkout / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)
