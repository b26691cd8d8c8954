"""Writes docs/settings.md out of the tables: python -m tests.tools.pages.settings > docs/settings.md."""

import sys
import types
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connectors.appsflyer.settings import ErasureTable
from connectors.collector.settings import CollectorTable
from connectors.collector.tee_settings import TeeTable
from connectors.delivery.settings import DeliveryTable
from connectors.export_api.settings import PullTable
from connectors.kafka.settings import OWNED_PROPERTIES
from connectors.kinds import DEAD_LETTERS, SOURCES
from connectors.table import Table
from connectors.values import Hint
from flows.settings import identity, sync_tables, tables
from flows.settings.console import ConsoleTable

_INTRODUCTION: Final = """\
# Settings

<!-- Made by `python -m tests.tools.pages.settings` from the tables of flows/settings and of the connectors. -->

This page lists all settings in `stream.toml`. The file is [TOML](https://toml.io), with one table for each topic.
`python -m flows init` writes a first file, [examples/stream.toml](../examples/stream.toml) has every key, and
`python -m flows check` lists the problems of your file. Settings with a problem are refused before anything starts. The
message lists all problems, each with the key, the value, what is expected and what to do. An unknown key is a problem.

- The unit of a duration, size or rate is in its key's name.
- Relative paths start at the settings file.
- Secrets are never in the file: `"env:NAME"` names an environment variable, `"file:PATH"` a file. The stream reads a
  changed file again.
- `SIGHUP` loads the file again. Conditions, events, properties, fields, currency and bundle ids change between two
  batches. For other changes the process restarts itself, and nothing is lost or sent twice. Only a change of
  `[state]` needs a restart
  by you.
- Editors complete and check the file with its JSON Schema:

  ```sh
  python -m flows schema > stream.schema.json
  ```

  and, as the first line of the file, `#:schema ./stream.schema.json` (for editors with Taplo).

The smallest file:

```toml
[source]
kind = "kafka"
bootstrap_servers = "kafka-1:9092,kafka-2:9092"
topic = "amplitude-events"

[[sync]]
name = "production"
ios_app_id = "id123456789"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
```
"""


_REQUIRED: Final = "**required**"
_COLUMNS: Final = ("key", "takes", "default", "what it does")


class _Section(NamedTuple):
    title: str
    table: type[Table]
    example: str = ""


_CONDITIONS: Final = """\
[[sync.event]]
name = "Subscription Started"
where = [
    { property = "event.plan", is = ["club", "pro"] },
    { property = "user.trial", is_not = [true] },
    { property = "country", is_not = ["(none)"] },
]
"""
_PROPERTIES: Final = """\
[[sync]]
properties = { event = "all", user = ["plan", "country"] }
"""
_FIELDS: Final = """\
[sync.fields]
revenue = ["event_properties.total", "event_properties.cart.total"]
customer_user_id = ["user_properties.account_id", "user_id"]
consent_data = ["user_properties.consent_data"]
sharing_filter = ["user_properties.sharing_filter"]
"""
_PATHS: Final = """\
[identity.paths]
appsflyer_id = ["user_properties.af_uid_ios", "user_properties.af_uid_android"]
imei = []
"""
_PLATFORMS: Final = """\
[identity.platforms]
ios = ["tvOS"]
android = ["HarmonyOS"]
other = ["Electron"]
"""
_SOURCE: Final = """\
[source.properties]
"security.protocol" = "SASL_SSL"
"sasl.mechanisms" = "SCRAM-SHA-512"
"sasl.username" = "stream"
"sasl.password" = "env:KAFKA_PASSWORD"
"""

SECTIONS: Final = (
    _Section('`[source]`, `kind = "kafka"`', SOURCES["kafka"].table, _SOURCE),
    _Section('`[source]`, `kind = "files"`', SOURCES["files"].table),
    _Section('`[source]`, `kind = "inbox"`', SOURCES["inbox"].table),
    _Section("`[identity]`", identity.IdentityTable),
    _Section("`[identity.paths]`", identity.IdentityPathsTable, _PATHS),
    _Section("`[identity.platforms]`", identity.IdentityPlatformsTable, _PLATFORMS),
    _Section("`[window]`", tables.WindowTable),
    _Section("`[delivery]`", DeliveryTable),
    _Section('`[dead_letters]`, `kind = "files"`', DEAD_LETTERS["files"].table),
    _Section('`[dead_letters]`, `kind = "kafka"`', DEAD_LETTERS["kafka"].table),
    _Section("`[state]`", tables.StateTable),
    _Section("`[health]`", tables.HealthTable),
    _Section("`[collector]`", CollectorTable),
    _Section("`[collector.tee]`", TeeTable),
    _Section("`[console]`", ConsoleTable),
    _Section("`[pull]`", PullTable),
    _Section("`[erasure]`", ErasureTable),
    _Section("`[[sync]]`", sync_tables.SyncTable),
    _Section("`properties` of a `[[sync]]`", sync_tables.PropertyTable, _PROPERTIES),
    _Section("`[sync.fields]`", sync_tables.FieldsTable, _FIELDS),
    _Section("`[[sync.event]]`", sync_tables.EventTable),
    _Section("A condition, in `where` and `consent_where`", sync_tables.ConditionTable, _CONDITIONS),
)
"""The page's sections; each has the keys of one table."""

_RULES: Final = """\
## What must hold between keys

- Each sync has a name of its own, an app id (or both), exactly one of `s2s_key` and `dev_key`, and either
  `events = "all"` or `[[sync.event]]` tables.
- A condition has exactly one operator.
- There is at least one sync, except where there is a `[collector]`: then events are taken and wait for it.
- A `[collector]` on an address that other machines reach names its `api_keys` or `webhook_tokens`.
- A `[console]` on an address that other machines reach has a `token`.
- `certificate_file` and `key_file` are given together.
- `hold_seconds` and `settle_seconds` are shorter than `remember_days`.
- A name is under one platform of `[identity.platforms]` only.
- Dead letters in Kafka have another topic than the source. If the source is not Kafka, they need `bootstrap_servers`.
- The stream sets these librdkafka properties itself, and refuses them in the file: {owned}.
"""

_ENVIRONMENT: Final = """\
## Environment variables

| variable | default | what it does |
|---|---|---|
| `STREAM_SETTINGS` | `stream.toml` | the settings file, where no `--settings` is given |
| `STREAM_SLICE` | all of it | `i/N`: which slice `python -m flows run` (or `rekey`) is, where no `--slice` is given |
| `STREAM_REKEY_FROM` | `source.topic` | the topic that `rekey` reads, where no `--from` is given |
| `STREAM_REKEY_TO` | `source.topic` | the topic that `rekey` writes, where no `--to` is given |
| `STREAM_SUMMARY` | none | a file for the summary of a run, as JSON |
| `STREAM_LOG` | `console` on a terminal, else `json` | how log lines look |
| `STREAM_LOG_LEVEL` | `info` | `debug`, `info`, `warning` or `error` |
| `STREAM_PROGRESS_SECONDS` | 60 | how often the line of progress is written; 0 is never |
| `NO_COLOR` | not set | set to anything: no colours |
"""


def document() -> str:
    """Return the page."""
    owned = ", ".join(f"`{each}`" for each in OWNED_PROPERTIES)
    parts = [_INTRODUCTION, *map(_section, SECTIONS), _RULES.format(owned=owned), _ENVIRONMENT]
    return "\n".join(parts)


def _section(section: _Section) -> str:
    about = " ".join((section.table.__doc__ or "").split())
    example = f"\n```toml\n{section.example}```\n" if section.example else ""
    rows = [_row(name, field) for name, field in section.table.model_fields.items()]
    taken = {row["takes"] for row in rows}
    if len(taken) == 1 < len(rows):
        about += f" Each key takes {taken.pop()}."
    columns = [each for each in _COLUMNS if each != "takes" or len(taken) > 1 or len(rows) == 1]
    if not any(row["default"].startswith("`") for row in rows):  # required or not is then said with the rest
        columns.remove("default")
        for row in rows:
            row["what it does"] = f"**Required.** {row['what it does']}" if row["default"] else row["what it does"]
    lines = [columns, ["---"] * len(columns), *([row[each] for each in columns] for row in rows)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"## {section.title}\n\n{about}\n\n{table}{example}"


def _row(name: str, field: FieldInfo) -> dict[str, str]:
    meaning = " ".join((field.description or "").split())
    cells = (f"`{name}`", takes(field), _default(field), meaning)
    return {column: cell.replace("|", "\\|") for column, cell in zip(_COLUMNS, cells, strict=True)}


def takes(field: FieldInfo) -> str:
    """Return what a key takes, in the words of its mistakes."""
    hint = next((each for each in field.metadata if isinstance(each, Hint)), None)
    if get_origin(field.annotation) is Literal:  # of `kind`, each table takes one word alone
        words = get_args(field.annotation)
        return f'`"{words[0]}"`' if len(words) == 1 else hint.what if hint is not None else ""
    return hint.what if hint is not None and not _tables_in(field.annotation) else _words(field.annotation)


def _words(annotation: Any) -> str:
    parts = [each for each in get_args(annotation) if each is not types.NoneType]
    origin = get_origin(annotation)
    if origin is Annotated:
        hint = next((each for each in parts[1:] if isinstance(each, Hint)), None)
        return hint.what if hint is not None else _words(parts[0])
    if origin in (Union, types.UnionType):
        texts = dict.fromkeys(map(_words, parts))
        return next((each for each in texts if " or a table" in each), " or ".join(texts))
    if origin is list:
        return "conditions, see below" if sync_tables.ConditionTable in parts else "tables, see below"
    if origin is dict:
        return f"a table, each value {_words(parts[1])}"
    return "a table, see below"


def _tables_in(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return True
    return any(map(_tables_in, get_args(annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return _REQUIRED
    default = field.default
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f'`"{default}"`' if isinstance(default, str | Path) else f"`{default}`"


if __name__ == "__main__":
    sys.stdout.write(document())
