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
    """Another name to send it under, such as one of AppsFlyer's own (af_purchase), which ad networks understand. An
    event that two rows select under two names goes out twice."""
    where: _Conditions = Field(default_factory=list)
    """Conditions that must all hold."""


class PropertyTable(Table):
    """Which properties of each kind are sent; a kind that is not named sends none."""

    event: WantedNames = Field(default_factory=list)
    """Of the event itself."""
    user: WantedNames = Field(default_factory=list)
    """Of its user."""
    group: WantedNames = Field(default_factory=list)
    """Of its user's groups."""


class FieldsTable(Table):
    """Fields of AppsFlyer's body, and the paths that they are read from: the first with a value wins.

    A value that AppsFlyer would not take is left out, and counted as the warning invalid_field. Where no path has a
    value, the built-in rule holds, if there is one; of customer_user_id and ip none does, so name it as the last path.
    """

    revenue: SomeValuePaths | None = None
    """af_revenue, a number: it is the revenue, whatever `$price`, `$quantity` and `$revenue` are."""
    currency: SomeValuePaths | None = None
    """eventCurrency, before any currency that the event states elsewhere. default_currency holds where there is
    none."""
    quantity: SomeValuePaths | None = None
    """af_quantity, a number, in place of `$quantity`: `$price` times it is the revenue, unless that is mapped, too."""
    content_id: SomeValuePaths | None = None
    """af_content_id, text, a number or a list of them, in place of `$productId`."""
    content_type: SomeValuePaths | None = None
    """af_content_type, text or a number."""
    order_id: SomeValuePaths | None = None
    """af_order_id, text or a number."""
    customer_user_id: ValuePaths | None = None
    """Your app's `setCustomerUserId`, where it is not Amplitude's user id. Text or a number; read from here alone, and
    an empty list sends none."""
    ip: ValuePaths | None = None
    """The device's address, where `ip` is another's. Read from here alone, and an empty list sends none."""
    bundle_id: SomeValuePaths | None = None
    """bundleIdentifier, before ios_bundle_id and android_bundle_id."""
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
    """SHA-256 of the e-mail, trimmed and in lower case. Nothing is hashed here: what is no hash is left out."""
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
    """One sync: which events go to which AppsFlyer apps, and what they carry."""

    name: Name
    """Its name in summaries, metrics and dead letters. A sync that is renamed is another one."""
    enabled: Flag = True
    """A sync that is off sends nothing. What waits for it when it is turned off, renamed or taken out becomes dead
    letters (sync_disabled), which a replay sends once it is on again."""
    paused: Flag = False
    """Send nothing for the time being, and lose nothing: its events are taken and kept, on disk where they are many (at
    most 500,000 an app; then reading waits), and go out when this is false again. A reload is enough for either."""
    ios_app_id: IosAppId | None = None
    """AppsFlyer's id of the iOS app: `id` and digits, as in the App Store's address. AppsFlyer answers 200 to one
    without `id` and records nothing, so a missing one is added."""
    android_app_id: AndroidAppId | None = None
    """AppsFlyer's id of the Android app: the package name, with the channel's suffix if it has one."""
    ios_bundle_id: BundleId | None = None
    """The iOS app's bundle identifier, which many ad networks ask for; without it none is sent."""
    android_bundle_id: BundleId | None = None
    """The Android app's package name. The Android app id unless given: give it where that has a channel's suffix."""
    s2s_key: Keys | None = None
    """Where AppsFlyer's S2S key is (AppsFlyer: Security center, API tokens, S2S): env:NAME or file:PATH, which is read
    again when it changes. Two may be given during a rotation."""
    dev_key: Keys | None = None
    """Where the dev key is, for AppsFlyer's older API (api2). Exactly one of s2s_key and dev_key is given; take
    s2s_key."""
    default_currency: CurrencyCode | None = None
    """For revenue whose event names no currency. Without it AppsFlyer guesses, and the warning no_currency counts."""
    consent_where: _Conditions = Field(default_factory=list)
    """Conditions without which nothing of the user may be sent; an event that they do not hold for is filtered."""
    properties: Annotated[
        Annotated[Annotated[Literal["all"], _ALL], Tag("<all properties>")]
        | Annotated[PropertyTable, Tag("<property table>")],
        Discriminator(_properties_tag),
    ] = "all"
    """Which properties become keys of AppsFlyer's eventValue: all, or those named for each kind. AppsFlyer takes 1 KB,
    so that users with many properties are better served by names."""
    exclude: PropertyNames = Field(default_factory=list)
    """Names left out of every kind, such as "email"; event.NAME, user.NAME and group.NAME leave out one kind's. A name
    is matched whole, without case, "_", "-" and blanks: "email" is also "E-Mail", and not "user_email". They still
    serve conditions and identifiers."""
    nested: Annotated[Literal["json", "text", "drop"], choice("json", "text", "drop")] = "json"
    """Objects and lists within properties stay JSON, become text, or are dropped and counted."""
    fields: FieldsTable = Field(default_factory=FieldsTable)
    """Fields of AppsFlyer's body by path: money, content, the user's id, consent, sharing, hashed contacts."""
    events: (
        Annotated[Literal["all"], Expects('"all"', 'write events = "all", or a [[sync.event]] table for each event')]
        | None
    ) = None
    """Every event; or leave it out and list [[sync.event]] tables. Send the most important ones: AppsFlyer counts
    each."""
    event: list[EventTable] = Field(default_factory=list)
    """«Send events»: the events to send, a row each."""
