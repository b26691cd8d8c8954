"""The wheel by itself, in an environment of its own and an empty folder: the command `ampfly` is there and works."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.fixtures.needs import program

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installed")]

ROOT = Path(__file__).parents[2]
_Complete = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel as pipx and uv do, with the packages that are here already in place of an index."""
    place = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps"]
    _done([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(place), str(ROOT)])
    _done([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")])
    binaries = place / "venv/bin"
    python = str(binaries / "python")
    _done(
        [
            pip[0],
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--quiet",
            "--no-compile",
            *offline,
            *map(str, place.glob("*.whl")),
        ]
    )
    (own,) = place.glob("venv/lib/python*/site-packages")
    (own / "packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return binaries


def test_the_command_works_in_an_empty_folder(binaries: Path, tmp_path: Path) -> None:
    ampfly = str(binaries / "ampfly")
    versions = _done([ampfly, "--version"], tmp_path).stdout
    assert versions.startswith("amplitude-appsflyer-stream 0.")
    answers = ["--name", "trial", "--ios-app-id", "id1234567890", "--event", "purchase", "--source", "files"]
    told = _done([ampfly, "init", *answers], tmp_path).stdout
    assert told == ("wrote stream.toml\nnext: ampfly check, then set enabled = true in it, then ampfly run\n"), (
        "what is printed can be typed again"
    )
    assert "python -m flows" not in (tmp_path / "stream.toml").read_text()
    event = {
        "event_type": "purchase",
        "user_id": "u1",
        "platform": "iOS",
        "user_properties": {"appsflyer_id": "1700000000000-1234567"},
    }
    explained = _done([ampfly, "explain"], tmp_path, json.dumps(event)).stdout
    assert json.loads(explained)["outcome"] == "would_deliver"
    found = _done([str(binaries / "python"), "-c", "import flows; print(flows.__file__)"], tmp_path).stdout
    assert found.startswith(str(binaries.parent)), "nothing of the working copy is looked at"


def test_help_and_errors_name_the_command_as_it_was_called(binaries: Path, tmp_path: Path) -> None:
    ampfly, module = [str(binaries / "ampfly")], [str(binaries / "python"), "-m", "flows"]
    assert _done([*ampfly, "explain", "--help"], tmp_path).stdout.startswith("usage: ampfly explain ")
    assert "    ampfly explain < events.ndjson" in _done([*ampfly, "explain", "--help"], tmp_path).stdout
    assert "    python -m flows explain < events.ndjson" in _done([*module, "explain", "--help"], tmp_path).stdout
    wrong = subprocess.run([*ampfly, "chek"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("ampfly: error: there is no command 'chek'; did you mean 'check'?\n")


TYPED = [
    ("ampfly ex", "explain"),
    ("ampfly replay --reas", "--reason"),
    ("ampfly send-test --platform i", "ios"),
    ("ampfly check --settings str", "stream.toml"),
    ("ampfly sandbox --tls cer", "certificates"),
]
BASH = """
. ./script
COMP_WORDS=({line}) COMP_CWORD={last}
$(complete -p ampfly | sed -E 's/.* -F ([^ ]+) .*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed 'autoload -U compinit; compinit -u -d ./dump; eval "$(<./script)"'
zpty -w typed 'ampfly() {{ print "<$@[-1]>" }}; print rea""dy'
zpty -r -m typed out '*ready*'
zpty -w typed $'{line}\\t'
zpty -r -m typed out '*<*>*'
print -r -- ${{${{out##*<}}%%>*}}
"""
FISH = """
source ./script
complete --do-complete '{line}' | string replace --regex '\\t.*' ''; true
"""


@pytest.fixture(scope="module", params=[("bash", BASH), ("zsh", ZSH), ("fish", FISH)], ids=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> _Complete:
    """Return what a real shell makes of a line when Tab is pressed at its end."""
    name, template = request.param
    program(name)
    place = tmp_path_factory.mktemp(name)
    (place / "script").write_text(_done([str(binaries / "ampfly"), "completion", name], place).stdout)
    (place / "stream.toml").touch()
    (place / "certificates").mkdir()

    def complete(line: str) -> list[str]:
        script = template.format(line=line, last=len(line.split()) - 1)
        flags = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}[name]
        return _done([name, *flags, script], place).stdout.split()

    return complete


@pytest.mark.parametrize(("line", "completed"), TYPED, ids=[line for line, _ in TYPED])
def test_tab_completes(shell: _Complete, line: str, completed: str) -> None:
    assert [each.rstrip("/") for each in shell(line)] == [completed]


def _done(
    command: Sequence[str], folder: Path | None = None, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "STREAM_SETTINGS")}
    done = subprocess.run(
        command, cwd=folder, input=given, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done
