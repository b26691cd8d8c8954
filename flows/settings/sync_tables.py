"""`[[sync]]` as it is written: which events go to which AppsFlyer apps, and what they carry."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, create_model

from connectors.table import Table
from connectors.values import Expects, Flag, Keys, Name, choice
from flows.domain.sync import NUMERIC_OPERATORS, OPERATOR_MEANINGS, Operator
from flows.settings.values import (
    AndroidAppId,
    BundleId,
    ConditionProperty,
    CurrencyCode,
    EventPaths,
    IosAppId,
    Numbers,
    PropertyName,
    PropertyNames,
    SomeValuePaths,
    ValuePaths,
    Values,
    WantedNames,
)


class _Condition(Table):
    """A condition: a property and exactly one operator. Of several values any may hold; of a negated operator, none.

    A property that is absent has the value "(none)"; of an array, any member may hold.
    """

    property: ConditionProperty
    """event.NAME, user.NAME, group.TYPE.NAME (group.TYPE is the group's own name), or a field of the event itself, such
    as platform, country or app_version."""


_OPERATOR_FIELDS: Final[dict[str, Any]] = {
    each.value: (
        (Numbers if each in NUMERIC_OPERATORS else Values) | None,
        Field(
            None, description=f"Amplitude's «{each.value.replace('_', ' ')}»: the property {OPERATOR_MEANINGS[each]}."
        ),
    )
    for each in Operator
}
ConditionTable: Final[type[_Condition]] = create_model("ConditionTable", __base__=_Condition, **_OPERATOR_FIELDS)
ConditionTable.__doc__ = _Condition.__doc__
_Conditions = list[ConditionTable]  # type: ignore[valid-type]  # the type is made when this module is loaded


class EventTable(Table):
    """One row of «Send events»."""

    name: PropertyName
    """The event's type in Amplitude, letter by letter; "*" is any event."""
    send_as: Name | None = None
    """Another name to send it under, such as one of AppsFlyer's own names (af_purchase), because ad networks understand
    these. An event that two rows select under two names goes out twice."""
    where: _Conditions = Field(default_factory=list)
    """Conditions that must all hold."""


class PropertyTable(Table):
    """The properties of each kind that are sent. A kind that is not named sends none."""

    event: WantedNames = Field(default_factory=list)
    """Of the event itself."""
    user: WantedNames = Field(default_factory=list)
    """Of its user."""
    group: WantedNames = Field(default_factory=list)
    """Of its user's groups."""


class FieldsTable(Table):
    """Fields of AppsFlyer's body, and the paths that they are read from: the first path with a value wins.

    A value that AppsFlyer would not take is left out, and counted as the warning invalid_field. If no path has a value,
    the built-in rule of the field holds, if there is one. customer_user_id and ip have none: name user_id or ip as the
    last path.
    """

    revenue: SomeValuePaths | None = None
    """af_revenue, a number. It is the revenue, with any `$price`, `$quantity` and `$revenue`."""
    currency: SomeValuePaths | None = None
    """eventCurrency. It wins over any currency that the event states elsewhere. Without any, default_currency holds."""
    quantity: SomeValuePaths | None = None
    """af_quantity, a number. It replaces `$quantity`. `$price` times it is the revenue, unless revenue is mapped."""
    content_id: SomeValuePaths | None = None
    """af_content_id, text, a number or a list of them, in place of `$productId`."""
    content_type: SomeValuePaths | None = None
    """af_content_type, text or a number."""
    order_id: SomeValuePaths | None = None
    """af_order_id, text or a number."""
    customer_user_id: ValuePaths | None = None
    """Your app's `setCustomerUserId`, if it is not Amplitude's user id. Text or a number. The stream reads it from
    these paths only; an empty list sends none."""
    ip: ValuePaths | None = None
    """The device's address, if `ip` is another one. The stream reads it from these paths only; an empty list sends
    none."""
    bundle_id: SomeValuePaths | None = None
    """bundleIdentifier. It wins over ios_bundle_id and android_bundle_id."""
    consent_data: EventPaths | None = None
    """Consent under the GDPR and DMA: an object, or its JSON text, with either `manual` or `tcf`."""
    sharing_filter: EventPaths | None = None
    """The partners that get no postback: "all", the id of one, or a list of ids."""
    aie: EventPaths | None = None
    """Whether the user agreed to share the advertising id: true or false. Android, and iOS before 14."""
    ua: EventPaths | None = None
    """The device's user agent."""
    custom_data: EventPaths | None = None
    """An object, or its JSON text, for the raw data's custom_data."""
    app_store: EventPaths | None = None
    """The store that the app was installed from."""
    app_type: EventPaths | None = None
    """"app_clip" for events of an App Clip; anything else is left out."""
    fb_login_id: EventPaths | None = None
    """Facebook's login id, digits."""
    email_hashed: EventPaths | None = None
    """SHA-256 of the e-mail, trimmed and in lower case. The stream does not hash: a value that is not a hash is left
    out."""
    phone_number_hashed: EventPaths | None = None
    """SHA-256 of the phone number's digits with the country's code, without leading zeros."""
    phone_number_e164_hashed: EventPaths | None = None
    """SHA-256 of the phone number in its E.164 form, with the plus."""
    first_name_hashed: EventPaths | None = None
    """SHA-256 of the first name in lower case."""
    last_name_hashed: EventPaths | None = None
    """SHA-256 of the last name in lower case."""


def _properties_tag(value: Any) -> str:
    return "<property table>" if isinstance(value, dict) else "<all properties>"


_ALL: Final = Expects('"all" or a table such as { event = ["plan"], user = "all" }', 'write properties = "all"')


class SyncTable(Table):
    """One sync: the events, the AppsFlyer apps that they go to, and their content."""

    name: Name
    """Its name in summaries, metrics and dead letters. A renamed sync is another sync."""
    enabled: Flag = True
    """A disabled sync sends nothing. Events that wait for it when it is disabled, renamed or removed become dead
    letters (sync_disabled); a replay sends them when the sync is enabled again."""
    paused: Flag = False
    """A paused sync sends nothing and loses nothing. The stream keeps its events, many of them on disk (at most 500,000
    for each app; then reading waits), and sends them when this is false again. A reload is enough for each change."""
    ios_app_id: IosAppId | None = None
    """AppsFlyer's id of the iOS app: `id` and digits, as in the App Store's address. The stream adds a missing `id`,
    because AppsFlyer answers 200 to an id without it and records nothing."""
    android_app_id: AndroidAppId | None = None
    """AppsFlyer's id of the Android app: the package name, with the suffix of the channel if there is one."""
    ios_bundle_id: BundleId | None = None
    """The iOS app's bundle identifier. Many ad networks need it; without this setting, none is sent."""
    android_bundle_id: BundleId | None = None
    """The Android app's package name. The default is the Android app id; set it if that has the suffix of a channel."""
    s2s_key: Keys | None = None
    """The place of AppsFlyer's S2S key (AppsFlyer: Security center, API tokens, S2S): env:NAME or file:PATH. The stream
    reads a changed file again. Give two places during a rotation."""
    dev_key: Keys | None = None
    """The place of the dev key, for AppsFlyer's older API (api2). Set exactly one of s2s_key and dev_key; prefer
    s2s_key."""
    default_currency: CurrencyCode | None = None
    """The currency of revenue without a currency in the event. Without it AppsFlyer guesses, and the warning
    no_currency counts."""
    consent_where: _Conditions = Field(default_factory=list)
    """Conditions for sending anything of the user. An event that does not meet all of them is filtered."""
    properties: Annotated[
        Annotated[Annotated[Literal["all"], _ALL], Tag("<all properties>")]
        | Annotated[PropertyTable, Tag("<property table>")],
        Discriminator(_properties_tag),
    ] = "all"
    """The properties that become keys of AppsFlyer's eventValue: all, or the named ones of each kind. AppsFlyer takes
    1 KB, so list names if your users have many properties."""
    exclude: PropertyNames = Field(default_factory=list)
    """Names that are left out of every kind, such as "email". event.NAME, user.NAME and group.NAME leave out the name
    of one kind. Names are compared whole, without case, "_", "-" and blanks: "email" is also "E-Mail", but not
    "user_email". Conditions and identifiers still use these properties."""
    nested: Annotated[Literal["json", "text", "drop"], choice("json", "text", "drop")] = "json"
    """Objects and lists in properties stay JSON, become text, or are dropped and counted."""
    fields: FieldsTable = Field(default_factory=FieldsTable)
    """Fields of AppsFlyer's body by path: money, content, the user's id, consent, sharing, hashed contacts."""
    events: (
        Annotated[Literal["all"], Expects('"all"', 'write events = "all", or a [[sync.event]] table for each event')]
        | None
    ) = None
    """All events; or leave it out and list [[sync.event]] tables. Send only the most important events, because
    AppsFlyer counts each."""
    event: list[EventTable] = Field(default_factory=list)
    """«Send events»: the events to send, a row each."""
