"""What the README says is what happens. That its commands, paths and settings exist is checked with all pages."""

import re
import socket
from pathlib import Path

import orjson

from flows.settings import load
from tests.docs.markdown import ROOT
from tests.docs.shell import Shell

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _block(after: str, language: str = "sh") -> str:
    match = re.search(rf"```{language}\n(.*?)```", README[README.index(after) :], re.DOTALL)
    assert match is not None, after
    return match[1]


def test_the_table_is_what_make_run_prints(tmp_path: Path) -> None:
    """`make run`'s job ends with exactly the README's table, says what to try next, and leaves nothing running."""
    shell = Shell(tmp_path)
    result = shell.run("python -m examples.run")
    assert result.returncode == 0, result.stderr
    printed = {line.rstrip() for line in result.stdout.splitlines()}
    table = _block("accounts for every row", language="").strip().splitlines()
    assert len(table) > 5
    assert [line for line in table if line.rstrip() not in printed] == []
    tried = result.stdout[result.stdout.index("  echo ") :].replace(".venv/bin/python", "python")
    assert "would deliver" in shell.run(tried).stdout
    sandbox = re.search(r"http://127\.0\.0\.1:(\d+)", result.stdout)
    assert sandbox is not None
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", int(sandbox[1]))) != 0


def test_the_five_steps_lead_to_a_request(tmp_path: Path) -> None:
    """`init` as written makes settings that load and are off; `explain` as written says what would be sent."""
    shell = Shell(tmp_path)
    made = shell.run(_block("Create the settings").replace("\n   ", "\n"))
    assert made.returncode == 0, made.stderr
    assert not load(tmp_path / "stream.toml").enabled_syncs
    asked = re.split(r"\n *python -m flows check", _block("Ask before you send"))[0]
    explained = shell.run(asked.replace(" --pretty", ""))
    assert explained.returncode == 0, explained.stderr
    assert "no sync is enabled yet" in explained.stderr
    line = orjson.loads(explained.stdout)
    assert line["outcome"] == "would_deliver"
    assert orjson.loads(line["request"]["body"]["eventValue"])["af_revenue"] == "9.99"
    assert "would deliver" in shell.run(asked).stdout
