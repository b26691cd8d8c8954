"""The sandbox's command where a package that only it needs is not installed."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
WITHOUT = "import sys; sys.modules['cryptography'] = None; from flows.commands.main import main; sys.exit(main({!r}))"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT.format(list(arguments))]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_tls_without_its_package_says_what_to_install(tmp_path: Path) -> None:
    done = _run("sandbox", "--tls", str(tmp_path / "tls"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sandbox: --tls: a certificate needs one more package: pip install cryptography\n"


def test_plain_http_needs_no_package_of_tls(tmp_path: Path) -> None:
    """A port file that cannot be written ends it once it listens."""
    done = _run("sandbox", "--port-file", str(tmp_path / "missing/port"))
    assert done.stdout.startswith("listening on http://127.0.0.1:")
    assert "cannot say where it listens" in done.stderr


def test_an_installation_gets_no_package_that_only_a_certificate_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [each for each in project["dependencies"] if each.startswith("cryptography")]
    assert [each.partition(">")[0] for each in project["optional-dependencies"]["tls"]] == ["cryptography"]
