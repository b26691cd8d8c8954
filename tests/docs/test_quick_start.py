"""The quick start, typed as it stands, does what it says, up to where AppsFlyer and a Kafka of one's own are needed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from examples.sample_archive import generate
from tests.docs.markdown import ROOT, Block, blocks, text_of
from tests.docs.shell import Shell, is_like
from tests.fixtures.ports import free_port

PAGE = ROOT / "docs/quick-start.md"
REAL = "## 5. One real event"
"""From here on it takes an account."""
SKIPPED = ("make run", ". .venv/bin/activate")
"""Set-up, which the tests have behind them; `make run` has a test of its own."""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a terminal where `make run` has left the sample archive."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/sample.zip").write_bytes(generate(end=datetime.now(UTC)).archive())
    return Shell(tmp_path)


def _before_the_real_one() -> Iterator[Block]:
    text = text_of(PAGE)
    last = text.count("\n", 0, text.index(REAL)) + 1
    return takewhile(lambda block: block.line < last, blocks(PAGE))


def _edit(settings: Path, part: str) -> None:
    """Change the settings file as a reader does whom the page shows some lines: each at its place in the file."""
    text = settings.read_text(encoding="utf-8")
    after = 0
    for line in part.splitlines():
        key = line.split(" = ")[0]
        if match := re.compile(rf"^(# )?{re.escape(key)} = .*$", re.MULTILINE).search(text, after):
            if key == "name":  # the row of that name
                after = text.index(line) + len(line)
            else:
                text = text[: match.start()] + line + text[match.end() :]
        elif " = " in line:
            text = f"{text[:after]}\n{line}{text[after:]}"
    settings.write_text(text, encoding="utf-8")


def test_every_step_before_the_real_one_prints_what_the_page_says(shell: Shell) -> None:
    port = str(free_port())
    running = []
    steps = [block._replace(text=block.text.replace("8080", port)) for block in _before_the_real_one()]
    try:
        compared = 0
        for step, following in pairwise([*steps, Block(PAGE, 0, "", "")]):
            if step.language == "toml":
                _edit(shell.directory / "stream.toml", step.text)
            if step.language != "sh" or step.text.strip() in SKIPPED:
                continue
            if step.text.startswith("python -m flows sandbox"):
                sandbox = shell.start(step.text)
                running.append(sandbox)
                assert sandbox.stdout is not None
                said = sandbox.stdout.readline()
            else:
                result = shell.run(step.text)
                assert result.returncode == 0, f"{step}: {result.stderr}{result.stdout}"
                said = result.stdout
                for name, value in re.findall(r"^export (\w+)=(\S+)$", step.text, re.MULTILINE):
                    shell.environment[name] = value
            if following.language == "":
                assert is_like(said, following.text), f"{step} printed:\n{said}"
                compared += 1
    finally:
        for each in running:
            each.terminate()
            each.communicate(timeout=20)
    assert compared == len([block for block in steps if block.language == ""]) == 6
    again = shell.run("python -m flows run")
    assert is_like(again.stdout, "Done: 0 events read, each accounted for.…"), again.stderr
    assert any((shell.directory / "dead-letters").iterdir())
