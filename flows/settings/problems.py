"""What is wrong with a settings file: one line for each problem, all problems at once."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from connectors.table import NOT_SHOWN, Location
from flows.refusal import Refusal

_LONGEST_SHOWN: Final = 60
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_KEYS: Final = frozenset(
    {"s2s_key", "dev_key", "proxy", "api_keys", "webhook_tokens", "api_key", "secret_key", "api_token"}
)
_WITH_PROPERTIES: Final = frozenset({"source", "dead_letters"})
_WITH_PASSWORD: Final = re.compile(r"^[^/]*//[^/]*@")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `text` says what was found, what is expected and what to do, on one line, without secrets."""

    path: Path
    key: str
    """The key as people would look for it, such as `sync[production].event[2].name`; empty for the file as a whole."""
    text: str

    def __str__(self) -> str:
        """Print as one line."""
        return f"{self.path}: {self.key}: {self.text}" if self.key else f"{self.path}: {self.text}"


class SettingsError(Refusal):
    """The settings cannot be used. Prints as one line per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def found(value: Any, location: Location) -> str:
    """Return how a value is shown: as TOML writes it, short, and never that of a key that may hold a secret."""
    if isinstance(value, dict):
        return "a table"
    if _is_secret(location) or (isinstance(value, str) and _WITH_PASSWORD.match(value)):
        return NOT_SHOWN
    if isinstance(value, list):
        if not value:
            return "an empty list"
        return "a list" if any(isinstance(each, dict | list) for each in value) else _shortened(_toml(value))
    return _shortened(_toml(value))


def _is_secret(location: Location) -> bool:
    if any(part in _SECRET_KEYS for part in location):
        return True
    return bool(location) and location[0] in _WITH_PROPERTIES and "properties" in location


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    if isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN:
        return "a very large number"
    return str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None if none is near."""
    plain = {each.lower().replace("-", "_"): each for each in known}
    near = get_close_matches(name.lower().replace("-", "_"), plain, n=1, cutoff=0.5)
    return plain[near[0]] if near else None


def key_of(location: Location, document: Any) -> str:
    """Return a location for people: syncs by their name where it is theirs alone, all else in lists counted from 1."""
    text = ""
    for place, part in enumerate(location):
        if isinstance(part, int):
            name = _sync_name(document, part) if location[:place] == ("sync",) else None
            text += f"[{part + 1 if name is None else name}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else json.dumps(part))
    return text


def _sync_name(document: Any, place: int) -> str | None:
    names = [each.get("name") if isinstance(each, dict) else None for each in document["sync"]]
    name = names[place]
    return name if isinstance(name, str) and name.isprintable() and name and names.count(name) == 1 else None
