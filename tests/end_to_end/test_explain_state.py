"""`python -m flows explain --state`: with what the stream remembers."""

import subprocess
import sys
from collections.abc import Mapping

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import settings_text
from tests.fixtures.stream import Stream

TEACHES = {
    "event_type": "$identify",
    "user_id": "hiker-1",
    "device_id": "phone",
    "platform": "iOS",
    "user_properties": {"$set": {"appsflyer_id": "1700000000000-7654321"}},
}
ASKED = {"event_type": "Sign Up", "user_id": "hiker-1", "device_id": "phone"}


def _explain(stream: Stream, *flags: str, asked: Mapping[str, object] = ASKED) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "flows", "explain", "--settings", str(stream.directory / "stream.toml"), *flags]
    return subprocess.run(command, input=orjson.dumps(asked), capture_output=True, check=False, timeout=60)


def test_a_remembered_device_is_known_to_explain(stream: Stream) -> None:
    """What `flows run` has learned in its recovery store, `explain --state` knows; without the flag it does not."""
    (stream.directory / "sample.zip").write_bytes(orjson.dumps(TEACHES))
    with SandboxServer.in_thread() as sandbox:
        stream.configure(settings_text("sample.zip", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY"))
        assert _explain(stream, "--state").returncode == 2
        assert stream.start("-m", "flows", "run").wait() == 0
    knowing = orjson.loads(_explain(stream, "--state").stdout)
    assert knowing["outcome"] == "would_deliver"
    assert knowing["request"]["body"]["appsflyer_id"] == "1700000000000-7654321"
    assert orjson.loads(_explain(stream).stdout)["reason"] == "no_platform"


def test_explain_knows_who_was_first_on_a_device(stream: Stream) -> None:
    """What a device taught before any login is inherited by the first user of it alone, as in the stream."""
    taught = "1700000000000-7654321"
    teaches = {"platform": "iOS", "event_type": "$identify", "user_properties": {"$set": {"appsflyer_id": taught}}}
    first_on = {"platform": "iOS", "event_type": "Open", "user_id": "hiker-1", "device_id": "used"}
    lines = [{**teaches, "device_id": "new"}, {**teaches, "device_id": "used"}, first_on]
    (stream.directory / "sample.zip").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with SandboxServer.in_thread() as sandbox:
        stream.configure(settings_text("sample.zip", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY"))
        assert stream.start("-m", "flows", "run").wait() == 0
    asked = {"event_type": "Sign Up", "user_id": "hiker-2", "platform": "iOS"}
    first = orjson.loads(_explain(stream, "--state", asked={**asked, "device_id": "new"}).stdout)
    assert first["outcome"] == "would_deliver"
    assert first["request"]["body"]["appsflyer_id"] == taught
    second = orjson.loads(_explain(stream, "--state", asked={**asked, "device_id": "used"}).stdout)
    assert second["reason"] == "no_appsflyer_id"
    its_first = {**asked, "user_id": "hiker-1", "device_id": "used"}
    returning = orjson.loads(_explain(stream, "--state", asked=its_first).stdout)
    assert returning["request"]["body"]["appsflyer_id"] == taught
