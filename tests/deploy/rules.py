"""Make the rules file for a Prometheus without the operator, out of the PrometheusRule.

python -m tests.deploy.rules > deploy/monitoring/stream.rules.yaml
"""

import sys
from pathlib import Path
from typing import Any, Final

import yaml

MONITORING: Final = Path(__file__).parents[2] / "deploy" / "monitoring"
SOURCE: Final = MONITORING / "prometheus-rule.yaml"
MADE: Final = MONITORING / "stream.rules.yaml"
_HEAD: Final = "# Made of prometheus-rule.yaml by `python -m tests.deploy.rules`; change that file.\n"

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


if __name__ == "__main__":
    sys.stdout.write(rules_file())
