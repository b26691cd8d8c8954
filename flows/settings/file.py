"""stream.toml → settings, or every problem in it at once."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.settings.convert import convert
from flows.settings.model import Settings
from flows.settings.problems import Problem, SettingsError, key_of
from flows.settings.rules import broken
from flows.settings.tables import StreamFile
from flows.settings.validation import problems_of


def load(path: Path) -> Settings:
    """Read a settings file. Needs no secret, no network and no Kafka. Raises SettingsError with every problem in it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _whole(path, "no such file; write it with `python -m flows init`, or name it with --settings") from None
    except UnicodeDecodeError:
        raise _whole(path, "not UTF-8; expected a TOML file; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        what = f"cannot be read ({reason}); expected a readable file; check its path and its rights"
        raise _whole(path, what) from None
    return parse(text, path)


def parse(text: str, path: Path) -> Settings:
    """Read settings from text, as if it stood in the file at `path`. Raises SettingsError."""
    return check(_toml(text, path), path)


def check(document: dict[str, Any], path: Path) -> Settings:
    """Return the settings of a parsed file. Raises SettingsError with every problem in it."""
    file, problems, meant = None, list[Problem](), frozenset[Any]()
    try:
        file = StreamFile.model_validate(document, context={"base": path.absolute().parent})
    except ValidationError as error:
        problems, meant = problems_of(path, document, error)
    problems += [Problem(path, key_of(location, document), what) for location, what in broken(document, meant)]
    if file is None or problems:
        raise SettingsError(problems)
    return convert(path.absolute(), file)


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _whole(path, "not TOML (nested too deep); correct it") from None
    except ValueError as error:  # TOMLDecodeError, or a number with thousands of digits
        reason = " ".join(str(error).split())
        raise _whole(path, f"not TOML: {reason}; correct that line; text needs quotes, tables [brackets]") from None


def _whole(path: Path, text: str) -> SettingsError:
    return SettingsError([Problem(path, "", text)])
