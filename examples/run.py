"""`make run`: a sample archive through the stream to a stand-in AppsFlyer, with a summary of where every event went."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from examples.sample_archive import generate, settings_text

HERE: Final = Path("run")
_REPORTS: Final = ("load", "memory")
_SANDBOX_STARTS_SECONDS: Final = 20.0


def main() -> int:
    """Run the sample; return the stream's exit code. Ctrl-C stops the stream cleanly and leaves nothing running."""
    console = Console(highlight=False, soft_wrap=True)
    _clear()
    sample = generate(end=datetime.now(UTC))
    (HERE / "sample.zip").write_bytes(sample.archive())
    record = str(HERE / "requests.ndjson")
    sandbox = _start("sandbox", "--port", "0", "--port-file", str(HERE / "port"), "--record", record, quiet=True)
    try:
        endpoint = f"http://127.0.0.1:{_port(sandbox)}"
        settings = HERE / "stream.toml"
        settings.write_text(
            settings_text("sample.zip", endpoint, "state", "dead-letters", "env:APPSFLYER_S2S_KEY"), encoding="utf-8"
        )
        rows = f"{sample.expected.read:,} rows of an invented hiking app, as Amplitude exports them"
        console.print(f"sample     {HERE}/sample.zip: {rows}")
        console.print(f"sandbox    {endpoint}: a stand-in that answers as AppsFlyer is documented to")
        console.print(f"stream     python -m flows run --settings {settings}\n")
        stream = _start("run", "--settings", str(settings))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stream.send_signal(signal.SIGTERM))
        code = stream.wait()
    finally:
        sandbox.terminate()
        sandbox.wait()
    if code == 0:
        _print_next(console, settings)
    return code


def _clear() -> None:
    """Make the directory empty, but for what `make load` and `make memory` have reported there."""
    HERE.mkdir(exist_ok=True)
    for each in HERE.iterdir():
        if not each.is_dir():
            each.unlink()
        elif each.name not in _REPORTS:
            shutil.rmtree(each)


def _start(*arguments: str, quiet: bool = False) -> subprocess.Popen[bytes]:
    """Start a command of the project, in a session of its own: what the terminal signals reaches it only through us."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "flows", *arguments],
        stdout=subprocess.DEVNULL if quiet else None,
        env={**os.environ, "APPSFLYER_S2S_KEY": "sandbox-key", "STREAM_SUMMARY": str(HERE / "summary.json")},
        start_new_session=True,
    )


def _port(sandbox: subprocess.Popen[bytes]) -> int:
    place = HERE / "port"
    deadline = time.monotonic() + _SANDBOX_STARTS_SECONDS
    while time.monotonic() < deadline and sandbox.poll() is None:
        if place.exists() and (text := place.read_text().strip()):
            return int(text)
        time.sleep(0.02)
    raise SystemExit("the sandbox did not start; its words are above")


def _print_next(console: Console, settings: Path) -> None:
    console.print(
        f"\nEvery request that arrived is a line of {HERE}/requests.ndjson; "
        f"what was given up is in {HERE}/dead-letters/."
    )
    console.print("\nNext, ask what would happen to an event of yours:", style="bold")
    console.print(
        """  echo '{"event_type":"Order Completed","user_id":"u-1","platform":"iOS","os_version":"17.4","""
        """"event_properties":{"$revenue":9.99},"user_properties":{"appsflyer_id":"1700000000000-1234567"}}' \\\n"""
        f"    | .venv/bin/python -m flows explain --settings {settings} --pretty",
        markup=False,
    )


if __name__ == "__main__":
    sys.exit(main())
