"""The units of systemd: they are valid, expose little, and restart as the exit codes ask for."""

import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from connectors.delivery.settings import DeliveryTable
from flows.commands.slices import parse_slice
from flows.domain.slice import Slice
from tests.fixtures.needs import program

UNITS = sorted((Path(__file__).parents[3] / "deploy/systemd").glob("*.service"))
SERVE, SINGLE, TEMPLATE = UNITS
HIGHEST_EXPOSURE = 15
"""In tenths of systemd's ten: below it is «OK»."""


@pytest.fixture(scope="module")
def analyze() -> str:
    """Return the command that checks units, without systemd as the first process."""
    return program("systemd-analyze", "systemd")


def _service(unit: Path) -> dict[str, str]:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(unit)
    return dict(parser["Service"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_valid(unit: Path, analyze: str, tmp_path: Path) -> None:
    """With a program that is there in place of the installed one."""
    program = _service(unit)["ExecStart"].split()[0]
    tried = tmp_path / unit.name.replace("@", "@0-4")
    tried.write_text(unit.read_text().replace(program, sys.executable))
    done = subprocess.run([analyze, "verify", "--man=no", str(tried)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "appsflyer" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_exposes_little(unit: Path, analyze: str, tmp_path: Path) -> None:
    tried = tmp_path / unit.name.replace("@", "@0-4")
    tried.write_text(unit.read_text())
    command = [analyze, "security", "--no-pager", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", str(tried)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


def test_wrong_settings_are_not_started_again_and_a_failure_is() -> None:
    service = _service(SINGLE)
    assert service["Restart"] == "on-failure", "0, a clean stop, is none"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_a_stop_has_the_time_that_draining_takes() -> None:
    assert float(_service(SINGLE)["TimeoutStopSec"]) >= DeliveryTable().drain_seconds + 10


def test_the_collector_with_its_stream_runs_as_the_stream_alone_does() -> None:
    """A stop reaches the collector, which stops the stream; only what is left after the time-out is killed."""
    single = _service(SINGLE)
    assert _service(SERVE) == single | {"ExecStart": single["ExecStart"].replace(" run ", " serve ")}
    assert single["KillMode"] == "mixed"


def test_an_instance_of_the_template_is_a_slice() -> None:
    """As `%I` of the instance 0-4 as 0/4."""
    single, template = _service(SINGLE), _service(TEMPLATE)
    assert template == single | {"ExecStart": f"{single['ExecStart']} --slice %I"}
    assert parse_slice("0-4".replace("-", "/")) == Slice(0, 4)
