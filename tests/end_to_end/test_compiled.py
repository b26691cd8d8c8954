"""The wheel that is compiled to C does what the sources do: built once as users build it, and run beside them."""

import os
import subprocess
import sys
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import Sample, generate, settings_text
from tests.fixtures.letters import read_letters
from tests.fixtures.needs import is_missing
from tests.fixtures.stream import KEY, Stream

ROOT = Path(__file__).parents[2]
NOTHING_TO_COMPILE_WITH = 2
LOOK = """\
import importlib, inspect, json, pkgutil, sys
import connectors, flows

for package in (flows, connectors):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("flows", "connectors")}
compiled = {name for name, module in ours.items() if not module.__file__.endswith(".py")}
broken = {
    each.__qualname__
    for name, module in ours.items()
    for each in vars(module).values()
    if inspect.isclass(each) and each.__module__ == name and name not in compiled
    and any("__mypyc_attrs__" in vars(base) for base in each.__mro__)
}
print(json.dumps([sorted(compiled), sorted(broken)]))
"""

# The compiler takes a minute and more; one process builds the wheel.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("compiled")]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which this Python runs the compiled wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    built = subprocess.run([ROOT / "deploy" / "build-wheel.sh", directory], capture_output=True, text=True, check=False)
    if built.returncode == NOTHING_TO_COMPILE_WITH:
        is_missing(built.stderr)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    (wheel,) = directory.glob("*.whl")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", directory / "installed", wheel],
        check=True,
    )
    return {"PYTHONPATH": str(directory / "installed"), "PYTHONSAFEPATH": "1"}


def listed() -> list[str]:
    """Return the modules that pyproject.toml lists; each pattern names at least one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    found = {pattern: sorted(ROOT.glob(pattern.removeprefix("/"))) for pattern in hook["include"]}
    assert all(found.values()), found
    names = {path.relative_to(ROOT).with_suffix("") for paths in found.values() for path in paths}
    return sorted(".".join(name.parts) for name in names if name.name != "__init__")


def sample_for(stream: Stream, endpoint: str, events: int = 2000) -> Sample:
    sample = generate(events=events, users=max(events // 20, 5), end=datetime.now(UTC))
    (stream.directory / "sample.zip").write_bytes(sample.archive())
    stream.configure(settings_text("sample.zip", endpoint, "state", "dead-letters", "env:APPSFLYER_S2S_KEY"))
    return sample


def test_what_is_listed_is_compiled_and_nothing_interpreted_extends_it(compiled: dict[str, str]) -> None:
    """An interpreted class that extends a compiled one cannot be instantiated."""
    command = [sys.executable, "-c", LOOK]
    looked = subprocess.run(command, env={**os.environ, **compiled}, capture_output=True, check=True)
    are_compiled, broken = orjson.loads(looked.stdout)
    assert are_compiled == listed()
    assert broken == []


def test_an_archive_comes_to_the_same_requests_dead_letters_and_numbers(
    stream: Stream, compiled: dict[str, str], tmp_path: Path
) -> None:
    """The sample has every shape, every fate and every kind of broken row."""
    outcomes = []
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls") as sandbox:
        sample = sample_for(stream, sandbox.url)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        for name, environment in (("interpreted", {}), ("compiled", compiled)):
            own = settings.replace('"state"', f'"{name}/state"').replace('"dead-letters"', f'"{name}/dead-letters"')
            stream.configure(own.replace("[delivery]\n", f'[delivery]\nca_file = "{sandbox.ca_file}"\n'))
            before = len(sandbox.requests)
            run = stream.start(environment=environment)
            assert run.wait() == 0, run.log
            requests = Counter(orjson.dumps(parts(request)) for request in sandbox.requests[before:])
            letters = Counter(
                (letter.headers["reason"], letter.headers["error"], letter.value)
                for letter in read_letters(stream.directory / name / "dead-letters")
            )
            outcomes.append((run.summary, requests, letters))
    interpreted, compiled_one = outcomes
    assert compiled_one == interpreted
    sync = compiled_one[0]["syncs"]["trailmix"]
    expected = sample.expected.summary()["syncs"]["trailmix"]
    assert {name: sync[name] for name in expected} == expected


def parts(request: dict[str, Any]) -> list[Any]:
    """Return what does not depend on when a request was made."""
    return [request["app_id"], request["status"], request["body"], request["notes"]]


@pytest.mark.parametrize("first_is_compiled", [False, True])
def test_each_goes_on_where_the_other_stopped(
    stream: Stream, compiled: dict[str, str], *, first_is_compiled: bool
) -> None:
    """What is stored is the same: a change to the compiled one, or back, loses nothing and sends nothing twice."""
    with SandboxServer.in_thread(faults={"rule": [{"delay_ms": 100.0}]}) as sandbox:
        delivered = sample_for(stream, sandbox.url, 12_000).expected.summary()["syncs"]["trailmix"]["delivered"]
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        stream.configure(settings.replace("[delivery]\n", "[delivery]\nmax_pending = 400\n"))
        environments: list[dict[str, str]] = [compiled, {}] if first_is_compiled else [{}, compiled]
        first = stream.start_recovering(environment=environments[0])
        sandbox.wait_until(lambda counts: bool(counts["requests"] >= 300))
        assert first.stop() == 0, first.log
        assert first.summary["syncs"]["trailmix"]["delivered"] < delivered
        second = stream.start_recovering(environment=environments[1])
        assert second.wait() == 0, second.log
        counts = sandbox.summary()
    assert counts["unique_bodies"] == delivered
    assert counts["duplicate_bodies"] == 0
