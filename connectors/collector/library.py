"""The library of an event: the name and version of the client that made it."""

from typing import Any, Final

_MOST_CHARACTERS: Final = 64
_ON_SERVERS: Final = frozenset(
    {"amplitude-python", "amplitude-node", "amplitude-node-ts", "amplitude-go", "amplitude-java"}
)


def library_name(library: Any) -> str:
    """Return `name/version`, at most 64 printable characters; empty where it is not said.

    Most clients write that text; the SDKs before the current ones an object of `name` and `version`.
    """
    if type(library) is dict:
        name, version = library.get("name"), library.get("version")
        library = f"{name}/{version}" if type(name) is str and name and type(version) is str and version else name
    if type(library) is not str or not library.isascii() or not library.isprintable():
        return ""
    return library[:_MOST_CHARACTERS]


def is_on_server(library: str) -> bool:
    """Return whether a client runs on a server, whose address is not its users'."""
    return library.partition("/")[0] in _ON_SERVERS
