"""pydantic's errors → problems in our words: what was found, what is expected, what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from connectors.kinds import DEAD_LETTERS, DEFAULT_DEAD_LETTERS, SOURCES
from connectors.table import Location
from connectors.values import Expects, Hint, choice
from flows.settings.problems import Problem, closest, found, key_of
from flows.settings.tables import TAGGED, TAGS, StreamFile


def problems_of(path: Path, document: Any, error: ValidationError) -> tuple[list[Problem], frozenset[Location]]:
    """Return the problems, and the keys that misspelt ones were meant to be: these are not reported as missing too."""
    every = [(_tagless(each), each) for each in error.errors(include_url=False)]
    suggestions = {
        location: _suggestion(each, document) for location, each in every if each["type"] == "extra_forbidden"
    }
    meant = frozenset((*location[:-1], key) for location, key in suggestions.items() if key)
    problems = []
    for location, each in every:
        if each["type"] == "missing" and location in meant:
            continue
        unknown = each["type"] == "extra_forbidden"
        text = _unknown(each, suggestions[location]) if unknown else _text(location, each)
        problems.append(Problem(path, key_of(location, document), text))
    return problems, meant


def _tagless(error: ErrorDetails) -> Location:
    """Return the location without the tags of pydantic's unions; the last part of an unknown key is the file's own."""
    *parts, last = error["loc"]
    own = last not in TAGS or error["type"] == "extra_forbidden"
    return (*(part for part in parts if part not in TAGS), *([last] if own else []))


def _text(location: Location, error: ErrorDetails) -> str:
    value = error["input"]
    match error["type"]:
        case "expected":
            return _wrong(error["ctx"]["hint"], value, location)
        case "literal_error":
            return _wrong(_kinds(location), value, location)
        case "missing":
            hint = _hint(error)
            return f"missing; expected {hint.what}; {hint.do}"
        case "too_short":
            hint = _hint(error)
            needed = f"expected {hint.what}; {hint.do}"
        case "list_type":
            key = location[-1]
            needed = f"expected a list of tables; write [[{key}]] with two brackets, or {key} = [{{ … }}]"
        case "model_type" | "dict_type":
            needed = "expected a table; write its keys under its name in brackets"
        case _:
            # Nothing in the tables raises another type; if that changes, pydantic's own sentence is better than none.
            needed = f"expected otherwise ({' '.join(error['msg'].split())}); correct the value"
    return f"found {found(value, location)}; {needed}"


def _wrong(hint: Expects, value: Any, location: Location) -> str:
    meant = closest(value, hint.options) if isinstance(value, str) else None
    do = f'did you mean "{meant}"?' if meant else hint.do
    return f"found {found(value, location)}; expected {hint.what}; {do}"


def _unknown(error: ErrorDetails, suggestion: str | None) -> str:
    if suggestion is not None:
        return f'unknown key; did you mean "{suggestion}"?'
    known = ", ".join(_fields(_table_at(error["loc"][:-1])))
    return f"unknown key; expected one of {known}; correct or remove it"


def _suggestion(error: ErrorDetails, document: Any) -> str | None:
    holder = document
    for part in _tagless(error)[:-1]:
        holder = holder[part]
    # A key that is there already was not meant by this one too.
    return closest(str(error["loc"][-1]), _fields(_table_at(error["loc"][:-1])).keys() - holder.keys())


def _kinds(location: Location) -> Expects:
    """Return what `kind` may be, which the table of one kind does not know."""
    return choice(*(SOURCES if location[0] == "source" else dict.fromkeys((DEFAULT_DEAD_LETTERS, *DEAD_LETTERS))))


def _hint(error: ErrorDetails) -> Hint:
    location = _tagless(error)
    if location[-1] == "kind":
        return _kinds(location)
    field = _fields(_table_at(error["loc"][:-1]))[str(error["loc"][-1])]
    return next(each for each in field.metadata if isinstance(each, Hint))


def _fields(table: type[BaseModel]) -> dict[str, FieldInfo]:
    return table.model_fields


def _table_at(location: Location) -> type[BaseModel]:
    table: type[BaseModel] = StreamFile
    for part in location:
        if part in TAGGED:
            table = TAGGED[str(part)]
        elif isinstance(part, str):
            table = next(_tables_in(table.model_fields[part].annotation), table)
    return table


def _tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)
