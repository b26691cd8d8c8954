"""Print the JSON Schema of stream.toml, so that editors complete and check it while you type.

    python -m flows schema > stream.schema.json

and, for editors with Taplo, as the first line of stream.toml:  #:schema ./stream.schema.json
"""

import argparse
import sys
from typing import Any, Final

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from flows.settings.tables import StreamFile

SUMMARY: Final = "print the JSON Schema of the settings, for editors"
TAKES_SETTINGS: Final = False


class _TomlSchema(GenerateJsonSchema):
    """As pydantic makes it, without null: TOML has none, a key that is not wanted is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the settings file."""
    schema = StreamFile.model_json_schema(schema_generator=_TomlSchema)
    return {"$schema": _TomlSchema.schema_dialect, **schema, "title": "stream.toml"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: it has none."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Write the schema to stdout."""
    del args
    sys.stdout.write(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
    return 0
