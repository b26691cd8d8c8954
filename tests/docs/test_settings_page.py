"""docs/settings.md, examples/stream.toml and the JSON Schema say what the settings' types say, and nothing else."""

import ast
import copy
import re
import tomllib
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from connectors.secrets import SecretRef
from connectors.table import Table
from flows.commands.schema import json_schema
from flows.domain.sync import PropertyRules, Selection, Sync
from flows.settings import model
from flows.settings.sync_tables import SyncTable
from flows.settings.tables import TAGGED, StreamFile
from tests.docs.markdown import ROOT
from tests.tools.pages import settings as document

PAGE = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "examples/stream.toml").read_text(encoding="utf-8")
NOT_IN_THE_FILE = {
    "path": "where the file is",
    "keys": "`s2s_key` or `dev_key`",
    "key_kind": "which of both",
    "syncs": "[[sync]]",
    "sync": "a part of [[sync]]",
    "consent": "`consent_where`",
    "selections": "`events` or [[sync.event]]",
}
"""Fields of the program's settings that are no keys, and what they are."""


def _tables() -> list[type[Table]]:
    return [each.table for each in document.SECTIONS]


def _keys() -> set[str]:
    return {key for table in _tables() for key in table.model_fields}


@cache
def _validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_page_is_what_the_types_say() -> None:
    """After a change: python -m tests.tools.pages.settings > docs/settings.md."""
    assert document.document() == PAGE


def test_the_page_has_a_section_for_every_table() -> None:
    def tables_in(annotation: Any) -> set[type[Table]]:
        if isinstance(annotation, type) and issubclass(annotation, Table):
            inner = [tables_in(field.annotation) for field in annotation.model_fields.values()]
            return {annotation}.union(*inner)
        return set().union(*map(tables_in, get_args(annotation)))

    assert {*_tables(), StreamFile} == tables_in(StreamFile) | set(TAGGED.values())


def test_every_key_says_what_it_does() -> None:
    """On the page, and so in the JSON Schema, with which editors show it."""
    silent = [f"{table.__name__}.{key}" for table in _tables() for key, field in table.model_fields.items()
              if not field.description]  # fmt: skip
    assert not silent
    described = json_schema()["$defs"]
    assert all("description" in table for table in described.values())


def test_a_default_is_written_once() -> None:
    """In the table; a frozen class beside it takes it by name."""
    twice = []
    for path in (*ROOT.glob("connectors/*/settings.py"), *ROOT.glob("flows/settings/*.py")):
        for each in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(each, ast.ClassDef) and any("dataclass" in ast.unparse(one) for one in each.decorator_list):
                twice += [
                    f"{path.name}: {each.name}.{ast.unparse(field.target)}"
                    for field in each.body
                    if isinstance(field, ast.AnnAssign)
                    and isinstance(field.value, ast.Constant)
                    and ast.unparse(field.target) in _keys() - {"kind", "name"}
                ]
    assert twice == []


def test_every_field_of_the_programs_settings_is_a_key_or_known_to_be_none() -> None:
    classes = [each for each in vars(model).values() if is_dataclass(each) and each is not SecretRef]
    names = {field.name for each in [*classes, Sync, Selection, PropertyRules] for field in fields(each)}
    tables = set(StreamFile.model_fields)
    assert names - _keys() - tables == NOT_IN_THE_FILE.keys() - tables
    assert not _keys() & (NOT_IN_THE_FILE.keys() - tables)


def test_every_key_is_in_the_example() -> None:
    """Given, or commented out; operators of conditions are on the page alone, as there are sixteen of them."""
    operators = {key for key in document.SECTIONS[-1].table.model_fields if key != "property"}
    given = set(re.findall(r"(?:^|[{,]|# )\s*([a-z0-9_]+) =", EXAMPLE, re.MULTILINE))
    tables = set(re.findall(r"^(?:# )?\[+[a-z_.]*?([a-z_]+)\]", EXAMPLE, re.MULTILINE))
    assert _keys() - operators - given - tables == set()
    assert given - _keys() == set()


def test_what_the_example_comments_out_is_the_default_or_says_that_it_is_an_example() -> None:
    at: type[Table] | None = None
    named = ""
    wrong = []
    for line in EXAMPLE.splitlines():
        if header := re.match(r"(?:# )?\[+([a-z_.]+)\]+", line):
            named, at = header[1], _table_named(header[1])
        elif kind := re.match(r'(?:# )?kind = "([a-z]+)"', line):
            at = TAGGED[f"<{named.replace('_', ' ')} {kind[1]}>"]
        elif at is not None and (off := re.match(r"# ([a-z0-9_]+) = (.+)", line)) and "# example" not in line:
            field = at.model_fields[off[1]]
            if not field.is_required() and tomllib.loads(f"value = {off[2]}")["value"] != _written(field.default):
                wrong.append(line)
    assert not wrong


def _written(default: Any) -> Any:
    return str(default) if isinstance(default, Path) else default


def _table_named(name: str) -> type[Table] | None:
    """Return the table; of a source or of dead letters none, because their kind is in the next line."""
    tables: dict[str, type[Table]] = {
        "sync": SyncTable,
        **{each.title.strip("`[]"): each.table for each in document.SECTIONS},
    }
    return tables.get(name)


def test_the_schema_accepts_the_examples() -> None:
    validator = _validator()
    for path in ("examples/stream.toml", "deploy/settings/stream.toml"):
        validator.validate(tomllib.loads((ROOT / path).read_text(encoding="utf-8")))


def _places(table: Any, where: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Return every key of the file with the table that it is in; those of librdkafka are its own."""
    found = []
    for key, value in table.items():
        found.append((where, key))
        if isinstance(value, dict) and key != "properties":
            found += _places(value, (*where, key))
        elif isinstance(value, list):
            for place, each in enumerate(value):
                if isinstance(each, dict):
                    found += _places(each, (*where, key, place))
    return found


@pytest.mark.parametrize(("where", "key"), _places(tomllib.loads(EXAMPLE)), ids=str)
def test_the_schema_refuses_a_misspelt_key(where: tuple[str | int, ...], key: str) -> None:
    """Wherever it is in the file."""
    file = copy.deepcopy(tomllib.loads(EXAMPLE))
    table: Any = file
    for part in where:
        table = table[part]
    table[f"{key}x"] = table.pop(key)
    assert not _validator().is_valid(file)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("window", "max_events", 0),
        ("window", "max_events", "100"),
        ("delivery", "on_rejected_credentials", "stop"),
        ("delivery", "timeout_seconds", 0),
        ("health", "port", 65_536),
        ("source", "kind", "pulsar"),
    ],
)
def test_the_schema_refuses_a_value_that_the_stream_refuses(table: str, key: str, value: object) -> None:
    file = tomllib.loads(EXAMPLE)
    file[table][key] = value
    assert not _validator().is_valid(file)
