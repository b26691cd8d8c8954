"""Make the rules file for a Prometheus without the operator, out of the PrometheusRule.

python -m tests.tools.deploy.rules > deploy/monitoring/stream.rules.yaml
python -m tests.tools.deploy.rules https://git.example.org/stream/docs/runbook.md    sets in both where the runbook is
"""

import re
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

MONITORING: Final = Path(__file__).parents[3] / "deploy" / "monitoring"
SOURCE: Final = MONITORING / "prometheus-rule.yaml"
MADE: Final = MONITORING / "stream.rules.yaml"
_HEAD: Final = "# Made of prometheus-rule.yaml by `python -m tests.tools.deploy.rules`; change that file.\n"

_RUNBOOK: Final = re.compile(r"(?<=runbook_url: )[^#\s]+(?=#)")

Rule = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def groups() -> list[dict[str, Any]]:
    """Return the groups of rules."""
    found: list[dict[str, Any]] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["spec"]["groups"]
    return found


def alerts() -> list[Rule]:
    """Return every alert."""
    return [rule for group in groups() for rule in group["rules"]]


def rules_file() -> str:
    """Return the file."""
    text: str = yaml.dump({"groups": groups()}, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return _HEAD + text


def with_runbook(text: str, address: str) -> str:
    """Return the PrometheusRule with every link leading to the runbook at this address. Raises ValueError."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment or re.search(r"[\s#]", address):
        raise ValueError(
            f"{address}: expected where docs/runbook.md is, such as https://git.example.org/docs/runbook.md"
        )
    return _RUNBOOK.sub(lambda _: address, text)


def main(arguments: list[str]) -> int:
    """Print the file; with an address, set it in both files instead."""
    if not arguments:
        sys.stdout.write(rules_file())
        return 0
    try:
        text = with_runbook(SOURCE.read_text(encoding="utf-8"), arguments[0])
    except ValueError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    SOURCE.write_text(text, encoding="utf-8")
    MADE.write_text(rules_file(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
