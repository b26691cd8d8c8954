"""No answer: what the operator is told of a request that broke. Source: libcurl's list of error codes."""

import re
from typing import Final

_ADVICE: Final = {
    5: ("The proxy's name cannot be resolved.", "See delivery.proxy."),
    6: ("The endpoint's name cannot be resolved.", "Look at DNS, and at delivery.endpoint."),
    7: ("Nothing answers there.", "Allow the way out to port 443 in the firewall, or see delivery.proxy."),
    28: (
        "No answer in time.",
        "It may have arrived all the same: sent once more, it may count twice. Or a firewall drops the packets.",
    ),
    35: ("TLS cannot be agreed on.", "Is something in between that does not speak TLS 1.2, or a port without TLS?"),
    52: ("The connection was closed without an answer.", "It may have arrived all the same. Try again later."),
    56: ("The connection broke.", "It may have arrived all the same. Try again later."),
    60: (
        "The endpoint's certificate is not to be trusted: an unknown authority, another name, or out of date.",
        "With a proxy that looks into TLS: name its authority in delivery.ca_file. The stream never goes on without.",
    ),
}
_CODE: Final = re.compile(r"libcurl ([0-9]+):")


def advice_on(text: str) -> tuple[str, ...] | None:
    """Return what the engine's words for a broken request mean, and what to do; None where they say nothing more."""
    code = _CODE.match(text)
    return _ADVICE.get(int(code[1])) if code is not None else None
