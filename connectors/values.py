"""The kinds of values that tables of settings take, each with the words for what is expected instead of a wrong one."""

import pathlib
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StrictStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class Hint:
    """What a key expects and what to do, in words. Alone it is for tables, which report their keys' problems."""

    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Expects(Hint):
    """As Hint; and whatever is wrong with the value, however deep inside it, becomes one problem with these words."""

    options: tuple[str, ...] = ()
    """The texts to choose from, for «did you mean»."""
    schema: core_schema.CoreSchema | None = field(default=None, compare=False)
    """How the value is validated, if not as its type says."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Wrap the validation."""
        return core_schema.no_info_wrap_validator_function(self._check, self.schema or handler(source))

    def _check(self, value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise PydanticCustomError("expected", "{what}", {"what": self.what, "hint": self}) from None


def whole(low: int, high: int) -> Expects:
    """Return a whole number from low to high; text that looks like one is none."""
    what = f"a whole number from {low:,} to {high:,}"
    schema = core_schema.int_schema(strict=True, ge=low, le=high)
    return Expects(what, "write a whole number in that range, without quotes", schema=schema)


def number(low: float, high: float, *, above: bool = False) -> Expects:
    """Return a number from low (or above it, if `above`) to high; text that looks like one is none."""
    what = f"a number above {low:,}, up to {high:,}" if above else f"a number from {low:,} to {high:,}"
    schema = core_schema.float_schema(strict=True, le=high, allow_inf_nan=False)
    schema["gt" if above else "ge"] = low
    return Expects(what, "write a number in that range, without quotes", schema=schema)


CONTROL: Final = r"\x00-\x1f\x7f"
_TRIMMED: Final = rf"[^\s{CONTROL}]([^{CONTROL}]*[^\s{CONTROL}])?"
NOT_BLANK: Final = rf"[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*"


def text(what: str, do: str, pattern: str = rf"^{_TRIMMED}$", longest: int = 1000) -> Expects:
    """Return a text; without a pattern it is one line and has no blanks at its ends."""
    schema = core_schema.str_schema(strict=True, pattern=pattern, max_length=longest)
    return Expects(what, do, schema=schema)


def choice(*options: str) -> Expects:
    """Return one of a few texts; the annotation's Literal is what validates."""
    what = " or ".join(f'"{each}"' for each in options)
    return Expects(what, f"write {what}", options)


HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"

Flag = Annotated[StrictBool, Expects("true or false", "write true or false, without quotes")]
Name = Annotated[str, text("a name in quotes", "write a name in quotes, without blanks at its ends")]
Host = Annotated[
    str,
    text(
        "an address or a host name to listen on, without a port",
        'write for example host = "127.0.0.1"',
        r"^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+)$",
        longest=253,
    ),
]
_PATH: Final = text("a path in quotes", "write a path in quotes; a relative one starts at the settings file")
Path = Annotated[str, _PATH]


def _from_the_file(path: str, info: ValidationInfo) -> pathlib.Path:
    return pathlib.Path((info.context or {}).get("base", ""), path)


def _as_text(path: Any) -> Any:
    return str(path) if isinstance(path, pathlib.Path) else path


FilePath = Annotated[
    pathlib.Path,
    replace(
        _PATH,
        schema=core_schema.no_info_before_validator_function(
            _as_text, core_schema.with_info_after_validator_function(_from_the_file, _PATH.schema)
        ),
    ),
]
"""A path; a relative one starts at the directory that the validation's context has as `base`."""
Paths = Annotated[
    list[Path],
    Field(min_length=1),
    Expects("a list of paths or globs in quotes", 'write for example paths = ["exports/*.json.gz"]'),
]


REFERENCE: Final = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:\S(.*\S)?)$"
_Reference = Annotated[str, Field(pattern=REFERENCE, strict=True)]
Keys = Annotated[
    _Reference | Annotated[list[_Reference], Field(min_length=1, max_length=2)],
    Expects(
        "the place of the key, never the key itself (or a list of two places during a rotation)",
        "write env:NAME or file:PATH in quotes",
    ),
]
"""Where a sync's key is. Two keys may be given during a rotation."""
KeyPlace = Annotated[
    _Reference,
    Expects("the place of the key, never the key itself", "write env:NAME or file:PATH in quotes"),
]
"""Where a key is that there is one of."""


def check_endpoint(url: str) -> str:
    """Return an address without a slash at its end. Raises ValueError where a key must not be sent there."""
    parts = urlsplit(url)  # raises ValueError for a broken IPv6 address
    _ = parts.port  # raises ValueError for an impossible port
    host = parts.hostname
    if not host or parts.username is not None or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(url)
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine by its name or its address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


ENDPOINT: Final = "an https:// address (http:// only for a loopback host, such as the sandbox on 127.0.0.1)"
"""What `check_endpoint` takes, in words."""
EndpointUrl = Annotated[
    StrictStr,
    AfterValidator(check_endpoint),
    Expects(
        ENDPOINT,
        'write endpoint = "https://api3.appsflyer.com", or leave it out',
    ),
]
Proxy = Annotated[
    str,
    text(
        "the address of a proxy, without user name and password",
        'write for example proxy = "http://proxy.example:3128"',
        rf"^(https?|socks5h?)://{HOST}/?$",
    ),
]
