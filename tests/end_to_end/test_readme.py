"""What the README says is what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson

from flows.settings import load
from flows.steps.outcome import DeadLetterReason, FilterReason, Outcome

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_LONGEST_SECONDS = 60


def _block(after: str, language: str = "sh") -> str:
    match = re.search(rf"```{language}\n(.*?)```", README[README.index(after) :], re.DOTALL)
    assert match is not None, after
    return match[1]


def _shell(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in a directory of its own, with this interpreter for the `.venv`'s."""
    command = command.replace(".venv/bin/python", sys.executable)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )


def test_the_table_is_what_make_run_prints(tmp_path: Path) -> None:
    """`make run`'s job ends with exactly the README's table, and leaves nothing running."""
    result = _shell(".venv/bin/python -m examples.run", tmp_path)
    assert result.returncode == 0, result.stderr
    printed = {line.rstrip() for line in result.stdout.splitlines()}
    table = _block("accounts for every row", language="").strip().splitlines()
    assert len(table) > 5
    assert [line for line in table if line.rstrip() not in printed] == []
    sandbox = re.search(r"http://127\.0\.0\.1:(\d+)", result.stdout)
    assert sandbox is not None
    assert subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{sandbox[1]}"], capture_output=True).returncode  # noqa: PLW1510 - its failure is the point


def test_the_five_steps_lead_to_a_request(tmp_path: Path) -> None:
    """`init` as written makes settings that load; once enabled, `explain` as written says what would be sent."""
    made = _shell(_block("Create the settings").replace("\n   ", "\n"), tmp_path)
    assert made.returncode == 0, made.stderr
    assert not load(tmp_path / "stream.toml").enabled_syncs
    settings = (tmp_path / "stream.toml").read_text(encoding="utf-8")
    (tmp_path / "stream.toml").write_text(settings.replace("enabled = false", "enabled = true"), encoding="utf-8")
    asked = re.split(r"\n *\.venv/bin/python -m flows check", _block("Ask before you send"))[0]
    explained = _shell(asked.replace(" --pretty", ""), tmp_path)
    assert explained.returncode == 0, explained.stderr
    line = orjson.loads(explained.stdout)
    assert line["outcome"] == "would_deliver"
    assert orjson.loads(line["request"]["body"]["eventValue"])["af_revenue"] == "9.99"
    assert "would deliver" in _shell(asked, tmp_path).stdout


def test_the_settings_by_example_are_valid(tmp_path: Path) -> None:
    """The example loads as it stands."""
    path = tmp_path / "stream.toml"
    path.write_text(_block("The settings by example", language="toml"), encoding="utf-8")
    assert load(path).enabled_syncs[0].name == "production"


def test_every_outcome_and_reason_is_explained() -> None:
    """The table of outcomes is complete."""
    table = README[README.index("## Where events go") : README.index("## Limits")]
    for word in (*Outcome, *FilterReason, *DeadLetterReason):
        assert f"`{word.value}`" in table


def test_every_make_target_and_command_exists(tmp_path: Path) -> None:
    """Commands that the README names are commands."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE)
    for command in set(re.findall(r"python -m flows ([a-z-]+)", README)):
        assert _shell(f".venv/bin/python -m flows {command} --help", tmp_path).returncode == 0
