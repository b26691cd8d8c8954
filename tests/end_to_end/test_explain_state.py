"""`python -m flows explain --state`: with what the stream remembers."""

import subprocess
import sys

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


def _explain(stream: Stream, *flags: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "flows", "explain", "--settings", str(stream.directory / "stream.toml"), *flags]
    return subprocess.run(command, input=orjson.dumps(ASKED), capture_output=True, check=False, timeout=60)


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
