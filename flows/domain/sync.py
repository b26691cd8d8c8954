"""A sync: which events go to which AppsFlyer apps, and what they carry. Frozen, ready to use, free of secrets."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from flows.domain.event import Platform


class Operator(StrEnum):
    """Amplitude's filter operators (Amplitude: «Segment your users», and the streaming filter)."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    DOES_NOT_CONTAIN = "does_not_contain"
    STARTS_WITH = "starts_with"
    DOES_NOT_START_WITH = "does_not_start_with"
    LESS_THAN = "less_than"
    LESS_OR_EQUAL = "less_or_equal"
    GREATER_THAN = "greater_than"
    GREATER_OR_EQUAL = "greater_or_equal"
    SET_IS = "set_is"
    SET_IS_NOT = "set_is_not"
    SET_CONTAINS = "set_contains"
    SET_DOES_NOT_CONTAIN = "set_does_not_contain"
    GLOB_MATCH = "glob_match"
    GLOB_DOES_NOT_MATCH = "glob_does_not_match"


NUMERIC_OPERATORS = frozenset(
    {Operator.LESS_THAN, Operator.LESS_OR_EQUAL, Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL}
)

OPERATOR_MEANINGS: Final[dict[Operator, str]] = {
    Operator.IS: "is one of the values",
    Operator.IS_NOT: "is none of the values",
    Operator.CONTAINS: "contains one of the texts, in any case",
    Operator.DOES_NOT_CONTAIN: "contains none of the texts, in any case",
    Operator.STARTS_WITH: "starts with one of the texts, in any case",
    Operator.DOES_NOT_START_WITH: "starts with none of the texts, in any case",
    Operator.LESS_THAN: "is a number, or text that is one, below the value",
    Operator.LESS_OR_EQUAL: "is a number, or text that is one, at most the value",
    Operator.GREATER_THAN: "is a number, or text that is one, above the value",
    Operator.GREATER_OR_EQUAL: "is a number, or text that is one, at least the value",
    Operator.SET_IS: "as a set (an array's members, or the one value) is exactly the values",
    Operator.SET_IS_NOT: "as a set is not exactly the values",
    Operator.SET_CONTAINS: "as a set has all of the values",
    Operator.SET_DOES_NOT_CONTAIN: "as a set has none of the values",
    Operator.GLOB_MATCH: "matches one of the globs: `*` and `?` stop at `/`, `**` does not, `[0-9]`, `[!a-z]`",
    Operator.GLOB_DOES_NOT_MATCH: "matches none of the globs",
}
"""What the property must be, in words."""

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One `where`: a property, an operator and the values, of which any may hold (of a negated operator: none)."""

    property: str
    """`event.NAME`, `user.NAME`, `group.TYPE.NAME`, or a field of the event itself."""
    operator: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """One row of «Send events»: an event, its conditions (all must hold), and the name it is sent under."""

    name: str
    """`*` is any event."""
    send_as: str | None = None
    where: tuple[Condition, ...] = ()


ALL_EVENTS = (Selection(name="*"),)


@dataclass(frozen=True, slots=True)
class PropertyRules:
    """Which properties become keys of `eventValue`. None is all of that kind."""

    event: frozenset[str] | None = None
    user: frozenset[str] | None = None
    group: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    """Names that are left out of every kind; `event.NAME`, `user.NAME`, `group.NAME` leave out one kind's."""
    nested: Literal["json", "text", "drop"] = "json"


@dataclass(frozen=True, slots=True)
class Sync:
    """One enabled or disabled sync. App ids are as AppsFlyer wants them in the path (iOS with its `id` prefix)."""

    name: str
    ios_app_id: str | None = None
    android_app_id: str | None = None
    ios_bundle_id: str | None = None
    android_bundle_id: str | None = None
    default_currency: str | None = None
    consent: tuple[Condition, ...] = ()
    selections: tuple[Selection, ...] = ALL_EVENTS
    properties: PropertyRules = field(default_factory=PropertyRules)
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Further fields of AppsFlyer's body and the paths they are read from, such as `consent_data` or `ua`."""

    def app_id(self, platform: Platform) -> str | None:
        """Return the app that events of this platform go to, or None if the sync has none."""
        return self.ios_app_id if platform == "ios" else self.android_app_id

    def bundle_id(self, platform: Platform) -> str | None:
        """Return `bundleIdentifier`; an Android app's is its app id unless another is given."""
        return self.ios_bundle_id if platform == "ios" else self.android_bundle_id or self.android_app_id
