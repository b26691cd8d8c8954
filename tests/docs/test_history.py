"""The page about past events, typed as it stands: what it says of the stand-in is what it prints."""

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, blocks, text_of
from tests.docs.shell import Shell, is_like
from tests.fixtures.ports import free_port

PAGE = ROOT / "docs/history.md"
TRIAL = "## Try it without an account"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_trial_prints_what_the_page_says(shell: Shell) -> None:
    text = text_of(PAGE)
    first = text.count("\n", 0, text.index(TRIAL)) + 1
    port = str(free_port())
    steps = [block._replace(text=block.text.replace("8080", port)) for block in blocks(PAGE) if block.line > first]
    sample, says, init, settings, pull, printed = (each.text for each in steps)
    made, start = sample.strip().splitlines()
    assert shell.run(made).returncode == 0
    sandbox = shell.start(start)
    try:
        assert sandbox.stdout is not None
        assert [sandbox.stdout.readline() for _ in range(2)] == says.splitlines(keepends=True)
        assert shell.run(init).returncode == 0
        with (shell.directory / "stream.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n{settings}")
        pulled = shell.run(pull)
    finally:
        sandbox.terminate()
        sandbox.communicate(timeout=20)
    assert pulled.returncode == 0, pulled.stderr
    assert is_like(pulled.stdout, printed)
