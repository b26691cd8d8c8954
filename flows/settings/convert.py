"""The tables of the file → the frozen settings: defaults filled in, paths absolute, shapes as the program uses them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from connectors.appsflyer.mapped import READ_ALONE
from connectors.secrets import reference
from connectors.table import Table
from flows.domain.sync import ALL_EVENTS, Condition, Operator, PropertyRules, Selection, Sync
from flows.settings import sync_tables, tables
from flows.settings.model import Settings, SyncSettings


def convert(path: Path, file: tables.StreamFile) -> Settings:
    """Return the settings; `path` is the absolute path of the file, whose directory relative paths start at."""
    base = path.parent
    source = file.source.settings(base)
    return Settings(
        path=path,
        source=source,
        identity=file.identity,
        window=file.window,
        delivery=file.delivery,
        dead_letters=file.dead_letters.settings(base, source),
        state=file.state,
        syncs=tuple(_sync_settings(base, each) for each in file.sync),
        health=file.health,
        erasure=file.erasure.settings(base),
        collector=None if file.collector is None else file.collector.settings(base),
        console=file.console.settings(base),
        pull=None if file.pull is None else file.pull.settings(base),
    )


def _paths(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _sync_settings(base: Path, table: sync_tables.SyncTable) -> SyncSettings:
    key_kind, places = ("s2s_key", table.s2s_key) if table.s2s_key is not None else ("dev_key", table.dev_key)
    keys = tuple(reference(base, each) for each in _paths(places or []))
    return SyncSettings(
        _sync(table), table.enabled, keys, "s2s_key" if key_kind == "s2s_key" else "dev_key", table.paused
    )


def _sync(table: sync_tables.SyncTable) -> Sync:
    # An empty list of a field that has no other place to be read from sends none.
    fields = tuple(
        (name, _paths(given)) for name, given in table.fields if given or (given is not None and name in READ_ALONE)
    )
    return Sync(
        name=table.name,
        ios_app_id=table.ios_app_id,
        android_app_id=table.android_app_id,
        ios_bundle_id=table.ios_bundle_id,
        android_bundle_id=table.android_bundle_id,
        default_currency=table.default_currency,
        consent=_conditions(table.consent_where),
        selections=tuple(map(_selection, table.event)) if table.event else ALL_EVENTS,
        properties=_property_rules(table),
        fields=fields,
    )


def _selection(table: sync_tables.EventTable) -> Selection:
    return Selection(table.name, table.send_as, _conditions(table.where))


def _conditions(rows: Iterable[Table]) -> tuple[Condition, ...]:
    return tuple(_condition(dict(row)) for row in rows)


def _condition(row: dict[str, Any]) -> Condition:
    operator = next(each for each in Operator if row[each.value] is not None)
    values = row[operator.value]
    return Condition(row["property"], operator, tuple(values) if isinstance(values, list) else (values,))


def _property_rules(table: sync_tables.SyncTable) -> PropertyRules:
    exclude, nested = frozenset(table.exclude), table.nested
    if isinstance(table.properties, str):
        return PropertyRules(exclude=exclude, nested=nested)
    event, user, group = (_wanted(getattr(table.properties, kind)) for kind in ("event", "user", "group"))
    return PropertyRules(event, user, group, exclude, nested)


def _wanted(names: str | Sequence[str]) -> frozenset[str] | None:
    return None if isinstance(names, str) else frozenset(names)
