"""The page about sending events here, typed as it stands: an event that `curl` posts reaches the stand-in AppsFlyer."""

import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

from tests.docs.markdown import ROOT, blocks, text_of
from tests.docs.shell import Shell, is_like
from tests.fixtures.ports import free_ports

PAGE = ROOT / "docs/send-events.md"
TRIAL, AFTER = "## Try it on your machine", "## Change your clients"


def test_the_trial_does_what_the_page_says(tmp_path: Path) -> None:
    text = text_of(PAGE)
    first, last = (text.count("\n", 0, text.index(each)) + 1 for each in (TRIAL, AFTER))
    sandbox_port, port, health_port = map(str, free_ports(3))
    steps = [
        block.text.replace("8080", sandbox_port).replace("8090", port)
        for block in blocks(PAGE)
        if first < block.line < last
    ]
    sandbox_command, settings, serve, post, answer = steps
    keys, serve = serve.strip().splitlines()
    shell = Shell(tmp_path, **dict(each.split("=") for each in keys.split()[1:]))
    ports = f"[collector]\nport = {port}\nhealth_port = {health_port}\n"
    (tmp_path / "stream.toml").write_text(
        settings.replace("[collector]\n", ports) + "\n[health]\nport = 0\n", encoding="utf-8"
    )
    sandbox, serving = shell.start(sandbox_command), shell.start(serve)
    try:
        end = time.monotonic() + 60
        answered = shell.run(post)
        while answered.returncode and time.monotonic() < end:  # it begins to listen
            time.sleep(0.2)
            answered = shell.run(post)
        assert is_like(answered.stdout, answer)
        arrived: list[dict[str, Any]] = []
        while not arrived and time.monotonic() < end:
            time.sleep(0.2)
            with urlopen(f"http://127.0.0.1:{sandbox_port}/control/requests", timeout=10) as page:
                arrived = orjson.loads(page.read())
        (request,) = arrived
        assert request["body"]["eventName"] == "Order Completed"
        assert request["body"]["customer_user_id"] == "user-1"
    finally:
        for each in (serving, sandbox):
            each.terminate()
            each.communicate(timeout=40)
    assert serving.returncode == 0
