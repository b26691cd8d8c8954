"""What can be had of a settings file that has problems: where its stream answers. For those who only look at it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from flows.settings.tables import HealthTable

_HEADER: Final = re.compile(r"[ \t]*\[+[ \t]*([\w.-]+)?")


def health_of(path: Path) -> HealthTable:
    """Return `[health]` as far as it can be read, whatever else is wrong with the file; else its defaults."""
    found = HealthTable()
    for name, value in _table(path).items():
        try:
            checked = HealthTable.model_validate({name: value})
        except ValidationError:
            continue
        found = found.model_copy(update={name: getattr(checked, name)})
    return found


def _table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return {}
    table = _parsed(text).get("health")
    if table is None:  # the problem stands somewhere else, and TOML is read as a whole or not at all
        table = {name: value for line in _lines_of_health(text) for name, value in _parsed(line).items()}
    return table if isinstance(table, dict) else {}


def _lines_of_health(text: str) -> Iterator[str]:
    header = ""
    for line in text.splitlines():
        if match := _HEADER.match(line):
            header = match[1] or ""
        elif header == "health":
            yield line


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
