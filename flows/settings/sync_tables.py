"""`[[sync]]` as it is written: which events go to which AppsFlyer apps, and what they carry."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, create_model

from flows.settings.table import Table
from flows.settings.values import (
    AndroidAppId,
    BundleId,
    ConditionProperty,
    Currency,
    EventPaths,
    Expects,
    Flag,
    IosAppId,
    Keys,
    Name,
    Numbers,
    PropertyName,
    PropertyNames,
    Values,
    WantedNames,
    choice,
)
from flows.steps.sync import NUMERIC_OPERATORS, Operator


class _Condition(Table):
    """A condition: a property and exactly one operator. Of several values any may hold; of a negated operator, none."""

    property: ConditionProperty
    """event.NAME, user.NAME, group.TYPE.NAME, or a field of the event itself."""


_OPERATOR_FIELDS: Final[dict[str, Any]] = {
    each.value: (
        (Numbers if each in NUMERIC_OPERATORS else Values) | None,
        Field(None, description=f"Amplitude's operator «{each.value.replace('_', ' ')}»"),
    )
    for each in Operator
}
ConditionTable: Final[type[_Condition]] = create_model("ConditionTable", __base__=_Condition, **_OPERATOR_FIELDS)
ConditionTable.__doc__ = _Condition.__doc__
_Conditions = list[ConditionTable]  # type: ignore[valid-type]  # the type is made when this module is loaded


class EventTable(Table):
    """One row of «Send events»."""

    name: PropertyName
    """The event's type in Amplitude; "*" is any event."""
    send_as: Name | None = None
    """Another name to send it under."""
    where: _Conditions = Field(default_factory=list)
    """Conditions that must all hold."""


class PropertyTable(Table):
    """Which properties of each kind are sent; a kind that is not named sends none."""

    event: WantedNames = Field(default_factory=list)
    user: WantedNames = Field(default_factory=list)
    group: WantedNames = Field(default_factory=list)


class FieldsTable(Table):
    """Further fields of AppsFlyer's body, and the paths that they are read from."""

    consent_data: EventPaths | None = None
    sharing_filter: EventPaths | None = None
    aie: EventPaths | None = None
    ua: EventPaths | None = None
    custom_data: EventPaths | None = None
    app_store: EventPaths | None = None
    app_type: EventPaths | None = None
    fb_login_id: EventPaths | None = None
    email_hashed: EventPaths | None = None
    phone_number_hashed: EventPaths | None = None
    phone_number_e164_hashed: EventPaths | None = None
    first_name_hashed: EventPaths | None = None
    last_name_hashed: EventPaths | None = None


def _properties_tag(value: Any) -> str:
    return "<property table>" if isinstance(value, dict) else "<all properties>"


_ALL: Final = Expects('"all" or a table such as { event = ["plan"], user = "all" }', 'write properties = "all"')


class SyncTable(Table):
    """One sync: which events go to which AppsFlyer apps, and what they carry."""

    name: Name
    enabled: Flag = True
    """A sync that is off sends nothing."""
    ios_app_id: IosAppId | None = None
    """`id` and digits, as in the App Store's address."""
    android_app_id: AndroidAppId | None = None
    """The package name, with AppsFlyer's channel suffix if it has one."""
    ios_bundle_id: BundleId | None = None
    android_bundle_id: BundleId | None = None
    """The Android app id unless given."""
    s2s_key: Keys | None = None
    """Where AppsFlyer's S2S key is: env:NAME or file:PATH. Two may be given during a rotation."""
    dev_key: Keys | None = None
    """Where the dev key is, for AppsFlyer's older API (api2)."""
    default_currency: Currency | None = None
    """For revenue whose event names no currency."""
    consent_where: _Conditions = Field(default_factory=list)
    """Conditions without which nothing of the user may be sent."""
    properties: Annotated[
        Annotated[Annotated[Literal["all"], _ALL], Tag("<all properties>")]
        | Annotated[PropertyTable, Tag("<property table>")],
        Discriminator(_properties_tag),
    ] = "all"
    exclude: PropertyNames = Field(default_factory=list)
    """Names left out of every kind; event.NAME, user.NAME and group.NAME leave out one kind's."""
    nested: Annotated[Literal["json", "text", "drop"], choice("json", "text", "drop")] = "json"
    """Objects and lists within properties stay JSON, become text, or are dropped."""
    fields: FieldsTable = Field(default_factory=FieldsTable)
    events: (
        Annotated[Literal["all"], Expects('"all"', 'write events = "all", or a [[sync.event]] table for each event')]
        | None
    ) = None
    """Every event; or leave it out and list [[sync.event]] tables."""
    event: list[EventTable] = Field(default_factory=list)
    """The events to send."""
