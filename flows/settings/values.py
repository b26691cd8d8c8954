"""The kinds of values that syncs and identities take, each with the words for what is expected instead."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from connectors.values import CONTROL, NOT_BLANK, Expects, text
from flows.domain.paths import CONTAINERS

_ID: Final = r"[A-Za-z0-9_-]+"

PropertyName = Annotated[str, text("a name in quotes", "write the name as Amplitude shows it", rf"^{NOT_BLANK}$")]
"""Names in Amplitude may begin or end with a blank."""


def _prefix(app_id: str) -> str:
    return app_id if app_id.startswith("id") else f"id{app_id}"


IosAppId = Annotated[
    Annotated[str, Field(pattern=r"^(id)?[0-9]+$", max_length=30, strict=True)],
    AfterValidator(_prefix),
    Expects(
        'an iOS app id in quotes, such as "id1234567890"',
        'write ios_app_id = "id" and the digits of the App Store address, in quotes',
    ),
]
"""AppsFlyer answers 200 to an iOS app id without `id`, and records nothing; so it is added where it is missing."""
AndroidAppId = Annotated[
    str,
    text(
        'an Android package name in quotes, such as "com.example.app"',
        "write android_app_id as AppsFlyer's dashboard shows it",
        rf"^{_ID}(\.{_ID})+( ?[^\s{CONTROL},;])*$",
        longest=255,
    ),
]
"""A package name, with whatever channel suffix an app outside Google Play has: the request's path encodes it."""
BundleId = Annotated[
    str,
    text(
        'a bundle identifier in quotes, such as "com.example.app"',
        "write it as the app's store listing has it",
        r"^[A-Za-z0-9._-]+$",
        longest=255,
    ),
]
CurrencyCode = Annotated[
    str,
    text("three upper-case letters in quotes (ISO 4217)", 'write for example default_currency = "EUR"', r"^[A-Z]{3}$"),
]

_FIELD: Final = rf"[^\s.{CONTROL}]([^.{CONTROL}]*[^\s.{CONTROL}])?"
_PATH: Final = rf"^(({'|'.join(CONTAINERS)})\.{NOT_BLANK}|{_FIELD})$"
_EventPath = Annotated[str, Field(pattern=_PATH, strict=True)]
_PATHS: Final = Expects(
    "a list of paths: user_properties.NAME, event_properties.NAME, group_properties.NAME, groups.NAME, or a field of "
    "the event",
    'write for example ["user_properties.NAME"]',
)
EventPaths = Annotated[_EventPath | list[_EventPath], _PATHS]
"""Where a value is read from: the first path that has one wins."""
SomeEventPaths = Annotated[_EventPath | Annotated[list[_EventPath], Field(min_length=1)], _PATHS]
"""As EventPaths, at least one."""


def _check_value_path(path: str) -> str:
    if path in CONTAINERS:
        raise ValueError(path)
    return path


_ValuePath = Annotated[_EventPath, AfterValidator(_check_value_path)]
ValuePaths = Annotated[_ValuePath | list[_ValuePath], _PATHS]
"""As EventPaths, to one value: all properties together are none."""
SomeValuePaths = Annotated[_ValuePath | Annotated[list[_ValuePath], Field(min_length=1)], _PATHS]
"""As ValuePaths, at least one."""
PropertyNames = Annotated[
    list[PropertyName], Expects("a list of names in quotes", 'write for example ["plan", "country"]')
]
WantedNames = Annotated[
    Literal["all"] | PropertyNames,
    Expects('"all" or a list of names in quotes', 'write "all", or for example ["plan"]'),
]

ConditionProperty = Annotated[
    str,
    text(
        "event.NAME, user.NAME, group.TYPE.NAME, or a field of the event itself such as platform",
        'write for example property = "event.plan"',
        rf"^((event|user|group)\.{NOT_BLANK}|{_FIELD})$",
    ),
]
_Finite = Annotated[StrictFloat, Field(allow_inf_nan=False)]
_Scalar = StrictStr | StrictBool | StrictInt | _Finite
Values = Annotated[
    _Scalar | Annotated[list[_Scalar], Field(min_length=1)],
    Expects("a text, a number, true or false, or a list of them that is not empty", 'write for example ["pro"]'),
]


_DECIMAL: Final = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$"
_Number = StrictInt | _Finite | Annotated[str, Field(pattern=_DECIMAL, strict=True)]
Numbers = Annotated[
    _Number | Annotated[list[_Number], Field(min_length=1)],
    Expects("a number, or a list of numbers that is not empty", "write for example 10"),
]
